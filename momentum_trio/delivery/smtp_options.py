"""Options of delivery by SMTP. A change acts from the next connection on."""

from __future__ import annotations

from momentum_trio.config.kind import (
    BOOLEAN,
    HOST_NAME,
    INTEGER_MAX,
    PORT,
    SECONDS,
    STRING,
    integer_between,
    one_of,
    quoted,
    word_of,
)
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import GLOBAL, OUTBOUND, scopes
from momentum_trio.config.value import Value
from momentum_trio.net.netblock import parse_address

OUR_HOSTNAME = "__hostname__"
SENDER_DOMAIN = "__message__"
AS_IT_IS = "no"
STRIPPED = "strip"
ANY_ADDRESS = "*"
NO_AUTH = "false"

_SOURCE = "an address, the name of this host, or *"


def _source(value: Value) -> str:
    """An address in its canonical form, or a name."""
    text = word_of(value, _SOURCE).lower()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"expected {_SOURCE}")
    try:
        return str(parse_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return text


class SmtpOptions(Options):
    """How a host is reached and how long it is waited for. Of a Gateway those of its own Domain hold."""

    port = Option("Remote_SMTP_Port", PORT, 25, OUTBOUND, "Port that mail is delivered to, unless Gateway names one.")
    ehlo_hostname = Option(
        "EHLO_Hostname",
        HOST_NAME,
        OUR_HOSTNAME,
        OUTBOUND,
        "Name said in EHLO and HELO: a name, __hostname__ (Hostname, or the system's), or __message__ (the domain of"
        " the reverse-path).",
    )
    recipients_max = Option(
        "Max_Recipients_Per_Batch",
        integer_between(1, INTEGER_MAX),
        100,
        OUTBOUND,
        "Recipients of one mail transaction; more go in further ones on the same connection.",
    )
    connect_timeout = Option("Connect_Timeout", SECONDS, 300.0, OUTBOUND, "Wait for a connection to one address.")
    ehlo_timeout = Option(
        "EHLO_Timeout", SECONDS, 300.0, OUTBOUND, "Wait for the greeting and for the reply to EHLO or HELO."
    )
    mail_timeout = Option("MailFrom_Timeout", SECONDS, 300.0, OUTBOUND, "Wait for the reply to MAIL FROM.")
    rcpt_timeout = Option("Rcptto_Timeout", SECONDS, 300.0, OUTBOUND, "Wait for the reply to RCPT TO, and to DATA.")
    body_timeout = Option(
        "Body_Timeout",
        SECONDS,
        600.0,
        OUTBOUND,
        "Wait for the reply to content, and for a server that takes no more of it.",
    )
    rset_timeout = Option("RSET_Timeout", SECONDS, 30.0, OUTBOUND, "Wait for the reply to RSET.")
    declares_eight_bit = Option(
        "Send_8BitMime",
        one_of("no", "ifavailable"),
        "ifavailable",
        OUTBOUND,
        "Declare content with 8-bit octets (BODY=8BITMIME) to servers that offer 8BITMIME; never changes it.",
    )
    eight_bit_transform = Option(
        "Transform_8BitMime_Content",
        one_of(AS_IT_IS, "ifneeded", "strict", STRIPPED),
        "ifneeded",
        OUTBOUND,
        "Content with 8-bit octets for a server without 8BITMIME: ifneeded and strict encode it, strip takes the high"
        " bits away, no sends it as it is.",
    )
    use_ipv6 = Option(
        "Use_IPv6", BOOLEAN, False, GLOBAL, "Use IPv6 addresses of host names; an address literal is used either way."
    )
    bind_address = Option(
        "Bind_Address",
        Kind("ip-address", _source, quoted),
        ANY_ADDRESS,
        scopes("global", "binding_group", "binding"),
        "Address of this host that connections come from; * lets the system choose. Hosts that only an address of the"
        " other family reaches are not tried.",
    )
    idle_timeout = Option(
        "Idle_Timeout",
        SECONDS,
        5.0,
        OUTBOUND,
        "How long a connection that has nothing to send is kept, should another message come.",
    )
    xclient = Option(
        "XCLIENT",
        one_of("no", "ifavailable", "required"),
        "no",
        OUTBOUND,
        "Tell the next host who handed a message in: never, where it offers that, or else no delivery.",
    )
    auth_mechanism = Option(
        "Outbound_SMTP_AUTH_Type",
        one_of(NO_AUTH, "PLAIN", "LOGIN"),
        NO_AUTH,
        OUTBOUND,
        "How this host authenticates; where that fails nothing is delivered (454 4.7.0).",
    )
    auth_user = Option("Outbound_SMTP_AUTH_User", STRING, "", OUTBOUND, "The name it authenticates with.")
    auth_password = Option(
        "Outbound_SMTP_AUTH_Pass", STRING, "", OUTBOUND, "The password that goes with it.", secret=True
    )
    auth_in_clear = Option(
        "Outbound_SMTP_AUTH_In_Clear",
        BOOLEAN,
        False,
        OUTBOUND,
        "Authenticate also over a connection without TLS, where everybody on the way can read the password.",
        ours=True,
    )
