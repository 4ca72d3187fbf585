"""Options of authentication that consoles and mail sessions share."""

from __future__ import annotations

from momentum_trio.config.back_end import back_end
from momentum_trio.config.kind import BOOLEAN
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import INBOUND_MAIL, scopes

_ANYWHERE = INBOUND_MAIL | scopes("control_listener")
_TRUTH_IF_SAID: Kind[bool | None] = Kind("boolean", BOOLEAN.parse, lambda truth: "true" if truth else "false")


class AuthenticationOptions(Options):
    """Who has to prove who he is, and against what."""

    enable_authentication = Option(
        "Enable_Authentication",
        _TRUTH_IF_SAID,
        None,
        _ANYWHERE,
        "Whether peers must authenticate. At a console where nothing says so, they must if an Auth*Parameters holds; "
        "its Unix peers always are, by their operating-system user. Of mail, MAIL FROM is answered 530 until then, but "
        "to clients that Relay_Hosts or Open_Relay lets relay.",
    )
    always_allow = Option(
        "Always_Allow",
        BOOLEAN,
        False,
        _ANYWHERE,
        "A console peer on loopback is not asked to authenticate; any mail client is taken to have: as the user "
        "anonymous, which gives no right to relay.",
    )
    always_deny = Option(
        "Always_Deny",
        BOOLEAN,
        False,
        _ANYWHERE,
        "Authentication fails, whatever was presented; wins over Always_Allow.",
    )
    login = Option(
        "AuthLoginParameters",
        back_end(("file", "hashed"), "log_authentication"),
        None,
        _ANYWHERE,
        "LOGIN: where user:password lines are (file), or user:hash lines (hashed, of mail alone). The password goes in "
        "clear: on loopback and in TLS alone.",
    )
    digest_md5 = Option(
        "AuthDigestMD5Parameters",
        back_end(("digest",), "realm", "stored_cleartext", "log_authentication"),
        None,
        _ANYWHERE,
        "DIGEST-MD5: where user:realm:digest lines are, of ec_md5passwd. realm by itself: Momentum Console at a "
        "console, Hostname of mail.",
    )
    cram_md5 = Option(
        "AuthCramMD5Parameters",
        back_end(("file",), "log_authentication"),
        None,
        _ANYWHERE,
        "CRAM-MD5: where user:password lines are.",
    )


class SmtpAuthenticationOptions(AuthenticationOptions):
    """What AUTH depends on, beside the mechanisms that SMTP_Extensions lists."""

    plain = Option(
        "AuthPlainParameters",
        back_end(("file", "hashed"), "log_authentication"),
        None,
        INBOUND_MAIL,
        "PLAIN: as AuthLoginParameters.",
    )
    in_clear = Option(
        "SMTP_AUTH_In_Clear",
        BOOLEAN,
        False,
        INBOUND_MAIL,
        "Offer PLAIN and LOGIN outside TLS too, to clients on other hosts.",
        ours=True,
    )
