"""The options of SMTP sessions (spec/listeners.md section 2); those of mail itself are in reception_options.py."""

from __future__ import annotations

from momentum_trio.config.kind import (
    BOOLEAN,
    COUNT,
    HOST_NAME,
    OCTETS,
    SECONDS,
    STRING,
    STRINGS,
    THROTTLE,
    integer_between,
    one_of,
)
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import CONTENT, INBOUND_MAIL, INBOUND_SMTP, INBOUND_SMTP_AND_GLOBAL, scopes
from momentum_trio.config.value import Value

# Also http_listener's and xmpp_listener's, with the same default.
REFUSED_RECIPIENTS_MAX = 100
REFUSAL_SECONDS_MAX = 30
IDLE_TIME_SCOPES = INBOUND_SMTP | scopes("http_listener", "xmpp_listener")


def _banner(value: Value) -> str:
    text = STRING.parse(value)
    if text and (
        not text.startswith("220") or text[3:4] not in ("", " ") or not text.isascii() or not text.isprintable()
    ):
        raise ValueError("expected a complete greeting line that begins with 220, in printable ASCII")
    return text


def _reply_text(value: Value) -> str:
    text = STRING.parse(value)
    if not text.isascii() or not text.isprintable():
        raise ValueError("expected the text of a reply, in printable ASCII")
    return text


BANNER = Kind("string", _banner, STRING.show)
REPLY_TEXT = Kind("string", _reply_text, STRING.show)


class SessionOptions(Options):
    """What one SMTP session depends on, resolved along the chain of its listener, Listen and peer."""

    idle_time = Option("Idle_Time", SECONDS, 300.0, IDLE_TIME_SCOPES, "Silence tolerated before 421 and close; 0: any.")
    banner_hostname = Option(
        "Banner_Hostname", HOST_NAME, "", INBOUND_SMTP, "Host name in greeting and replies; without it Hostname."
    )
    static_banner = Option(
        "Static_Banner", BANNER, "", INBOUND_SMTP, "The whole greeting line, 220 included, instead of ours."
    )
    smtp_extensions = Option(
        "SMTP_Extensions",
        STRINGS,
        (),
        INBOUND_SMTP,
        "EHLO extensions beside PIPELINING, 8BITMIME and SIZE: STARTTLS, where TLS_Certificate holds; 'AUTH MECHANISM',"
        " one each, where its parameters do. A more specific scope replaces the whole list.",
    )
    message_octets_max = Option(
        "Max_Message_Size", OCTETS, 0, INBOUND_MAIL, "Largest message in octets; larger ones are answered 552. 0: any."
    )
    require_ehlo = Option(
        "Require_EHLO", BOOLEAN, False, INBOUND_SMTP_AND_GLOBAL, "Refuse MAIL FROM before EHLO or HELO."
    )
    reconfig_message = Option(
        "Reconfig_Message",
        REPLY_TEXT,
        "4.3.2 Reconfiguration in progress",
        scopes("esmtp_listener"),
        "Text behind 421, said to a session whose greeting or offer no longer holds.",
    )
    trailing_whitespace = Option(
        "Allow_Trailing_Whitespace_In_Commands",
        BOOLEAN,
        False,
        INBOUND_SMTP_AND_GLOBAL,
        "Overlook blanks at the end of commands and inside the brackets of paths.",
    )
    whitespace_in_envelope = Option(
        "RFC2821_Allow_Whitespace_In_Envelope",
        BOOLEAN,
        False,
        CONTENT,
        "Overlook blanks before the end of MAIL FROM and RCPT TO.",
    )
    pedantic_addresses = Option(
        "RFC2821_Pedantic_Address_Rules",
        BOOLEAN,
        True,
        CONTENT,
        "Keep addresses to RFC 2821; otherwise a..b@x and ab.@x are taken too.",
    )
    lone_lf_in_body = Option(
        "RFC2822_Lone_LF_In_Body",
        one_of("ignore", "pedantic", "fix"),
        "pedantic",
        CONTENT,
        "CR without LF or LF without CR in a body: refused; ignore takes it as it is, fix makes it CRLF. None of them"
        " ever ends content, and fix refuses those around a line of a single dot.",
    )
    lone_lf_in_headers = Option(
        "RFC2822_Lone_LF_In_Headers",
        one_of("pedantic", "fix"),
        "pedantic",
        CONTENT,
        "The same in a header section: refused, or made CRLF.",
    )
    starttls_injection_policy = Option(
        "Starttls_Injection_Policy",
        one_of("allow", "ignore", "reject"),
        "reject",
        INBOUND_SMTP,
        "Commands sent together with STARTTLS: it is refused and the connection closed (reject), or they are dropped"
        " (ignore; allow, the same).",
    )
    bad_commands_max = Option(
        "Max_Bad_Commands",
        COUNT,
        20,
        INBOUND_SMTP_AND_GLOBAL,
        "Commands wrong in syntax or order before 421 and close. 0: any number.",
        ours=True,
    )
    inbound_throttle = Option(
        "Inbound_Throttle_Messages",
        THROTTLE,
        None,
        CONTENT,
        "Messages taken: N a second or N/W, N in W seconds; counted for the scope that sets it. MAIL FROM of one more"
        " is answered when it is time.",
    )
    message_rate_per_address = Option(
        "Message_Rate_Per_Address",
        THROTTLE,
        None,
        INBOUND_MAIL,
        "Messages of one address, of IPv6 one /64: N or N/W, N in W seconds. MAIL FROM of one more is answered 451,"
        " unless it has the null reverse-path.",
        ours=True,
    )
    refused_recipients_max = Option(
        "Max_Refused_Recipients",
        COUNT,
        REFUSED_RECIPIENTS_MAX,
        INBOUND_SMTP,
        "Recipients of one connection that are refused (5yz) before 421 and close. 0: any number.",
        ours=True,
    )
    refusal_seconds = Option(
        "Refusal_Delay",
        integer_between(0, REFUSAL_SECONDS_MAX, "time-seconds", "seconds"),
        0,
        INBOUND_SMTP,
        "Seconds before a recipient is refused (5yz): whoever tries out addresses has to wait.",
        ours=True,
    )
