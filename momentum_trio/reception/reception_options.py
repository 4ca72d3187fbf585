"""The options reception reads: relay, addresses, limits on mail, content (spec/listeners.md sections 2.2 to 2.5)."""

from __future__ import annotations

from momentum_trio.config.authentication_options import AuthenticationOptions
from momentum_trio.config.host_kind import ADDRESS_LIST, NO_HOSTS
from momentum_trio.config.kind import (
    BOOLEAN,
    COUNT,
    DICTIONARY,
    DOMAINS,
    HOST_NAME,
    STRING,
    either,
    integer_between,
    one_of,
    quoted,
    word_of,
)
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import (
    CONTENT,
    GLOBAL,
    INBOUND_MAIL,
    INBOUND_MAIL_AND_GLOBAL,
    INBOUND_SMTP,
    OUTBOUND,
    scopes,
)
from momentum_trio.config.value import Value
from momentum_trio.mail.domain_globs import DomainGlobs
from momentum_trio.protocol.smtp.claims import is_own_name

DOMAIN_GLOBS: Kind[DomainGlobs] = Kind(
    "domain-list",
    lambda value: DomainGlobs(*DOMAINS.parse(value)),
    lambda globs: DOMAINS.show(globs.items),
)
_BLACKHOLE_WORDS = {
    "0": "false",
    "off": "false",
    "disabled": "false",
    "1": "true",
    "on": "true",
    "enabled": "true",
    "false": "false",
    "true": "true",
    "inline": "inline",
    "internal": "internal",
}


def _blackhole(value: Value) -> str:
    word = word_of(value, expected := "false, true, inline or internal").lower()
    if word not in _BLACKHOLE_WORDS:
        raise ValueError(f"expected {expected}")
    return _BLACKHOLE_WORDS[word]


def _context(value: Value) -> tuple[tuple[str, str], ...]:
    pairs = DICTIONARY.parse(value)
    for name, _ in pairs:
        if is_own_name(name) and not name.startswith("__"):
            raise ValueError(f"expected variables that are not the host's own, not '{name}'")
    return pairs


CONTEXT = Kind(DICTIONARY.name, _context, DICTIONARY.show)
BLACKHOLE = Kind("enum(false|true|inline|internal)", _blackhole, quoted)
NO_DOMAINS = DomainGlobs()

# Max_Recipients_Per_Connection has outbound scopes as well, where it limits RCPT TO per outbound connection; it is not
# valid in a pathway.
RECIPIENTS_PER_CONNECTION = OUTBOUND | scopes("ecstream_listener", "esmtp_listener", "listen", "peer")


LINE_LENGTH = either(one_of("ignore", "pedantic", "fix"), integer_between(78, 65536))


FORWARD_PATHS_MAX = 10_000
"""Of one message, whatever is configured: they are held in memory, and are one record of the spool."""


class ReceptionOptions(Options):
    """What the checks of one client's mail depend on, resolved along his chain."""

    relay_domains = Option(
        "Relay_Domains",
        DOMAIN_GLOBS,
        NO_DOMAINS,
        CONTENT,
        "Recipient domains accepted from anyone: exact, *.tail (not the tail itself) or *tail.",
    )
    bounce_domains = Option(
        "Bounce_Domains",
        DOMAIN_GLOBS,
        NO_DOMAINS,
        CONTENT,
        "Domains whose mail may be an out-of-band bounce; accepted from anyone as those of Relay_Domains are.",
    )
    relay_hosts = Option(
        "Relay_Hosts",
        ADDRESS_LIST,
        NO_HOSTS,
        INBOUND_MAIL_AND_GLOBAL,
        "Clients that may send to any domain. A Unix peer is never one: use Open_Relay in its Listen.",
    )
    open_relay = Option(
        "Open_Relay", BOOLEAN, False, INBOUND_MAIL, "Accept any forward-path from any client of the scope."
    )
    verified_peer_can_relay = Option(
        "TLS_Verified_Peer_Can_Relay",
        BOOLEAN,
        False,
        INBOUND_MAIL,
        "Clients whose certificate is of an issuer in TLS_Client_CA may send to any domain.",
    )
    enable_authentication = AuthenticationOptions.enable_authentication
    always_allow = AuthenticationOptions.always_allow
    always_deny = AuthenticationOptions.always_deny
    relay_for_sending_domains = Option(
        "Relay_For_Sending_Domains",
        DOMAIN_GLOBS,
        NO_DOMAINS,
        INBOUND_SMTP,
        "Reverse-path domains that may send to any domain. An empty list permits nothing.",
    )
    allow_ip_literal = Option(
        "Allow_IP_Literal",
        BOOLEAN,
        True,
        INBOUND_MAIL_AND_GLOBAL,
        "Whether addresses with an address literal for a domain are taken. Spooled mail is not checked again.",
    )
    allow_null_envelope_sender = Option(
        "Allow_NULL_Envelope_Sender",
        BOOLEAN,
        True,
        INBOUND_MAIL_AND_GLOBAL,
        "Whether MAIL FROM:<> is taken. Without it no bounce comes in.",
    )
    domain_for_unqualified_recipients = Option(
        "Domain_For_Unqualified_Recipient_Addresses",
        HOST_NAME,
        "",
        INBOUND_MAIL_AND_GLOBAL,
        "Domain put behind forward-paths that have none; without it only postmaster is taken.",
    )
    domain_for_unqualified_senders = Option(
        "Domain_For_Unqualified_Sender_Address",
        HOST_NAME,
        "",
        INBOUND_MAIL_AND_GLOBAL,
        "Domain put behind reverse-paths that have none.",
    )
    recipients_per_message_max = Option(
        "Max_Recipients_Per_Message",
        COUNT,
        0,
        INBOUND_MAIL,
        f"Recipients of one message; more are answered 452. 0: {FORWARD_PATHS_MAX}, which is the most in any case.",
    )
    recipients_per_connection_max = Option(
        "Max_Recipients_Per_Connection",
        COUNT,
        0,
        RECIPIENTS_PER_CONNECTION,
        "Recipients of one connection; more are answered 452. 0: any.",
    )
    receptions_per_connection_max = Option(
        "Max_Receptions_Per_Connection",
        COUNT,
        0,
        INBOUND_MAIL_AND_GLOBAL,
        "Messages taken from one connection; more are answered 452. 0: any.",
    )
    received_hostname = Option(
        "Received_Hostname", HOST_NAME, "", INBOUND_MAIL, "Host name in the Received field; without it Hostname."
    )
    trace_headers = Option(
        "RFC2822_Trace_Headers",
        BOOLEAN,
        True,
        CONTENT,
        "Add a Received field; remove a Return-Path that came (final delivery sets it).",
    )
    date_header = Option(
        "RFC2822_Date_Header",
        one_of("ignore", "pedantic", "ifneeded"),
        "ifneeded",
        CONTENT,
        "A missing Date field: added (ifneeded), refused (pedantic), left out (ignore).",
    )
    message_id_header = Option(
        "RFC2822_MessageID_Header",
        one_of("ignore", "ifneeded"),
        "ifneeded",
        CONTENT,
        "A missing Message-ID field: added (ifneeded) or left out (ignore).",
    )
    missing_headers = Option(
        "RFC2822_Missing_Headers",
        one_of("reject", "allow"),
        "reject",
        CONTENT,
        "Content that begins with no header field: refused, or taken as all body with trace fields in front.",
    )
    context = Option(
        "Context",
        CONTEXT,
        (),
        INBOUND_MAIL,
        "Variables of the connection context; __bypass_NAME = true leaves out the row of policy NAME.",
    )
    max_line_length = Option(
        "RFC2822_Max_Line_Length",
        LINE_LENGTH,
        "ignore",
        CONTENT,
        "Lines of more than 998 octets: taken (ignore), refused (pedantic), folded in the header section and broken in"
        " the body (fix). A number: longer lines, and RFC2822_Max_Line_Length_Policy says what becomes of them.",
    )
    max_line_length_policy = Option(
        "RFC2822_Max_Line_Length_Policy",
        one_of("none", "fix", "reject"),
        "none",
        CONTENT,
        "What becomes of lines longer than the number in RFC2822_Max_Line_Length. Beside a word it means nothing.",
    )
    outbound_binding = Option(
        "Outbound_Binding",
        STRING,
        "",
        INBOUND_MAIL,
        'The binding that takes mail out: "name", "group/name", or "group/" for those of a group in turn.',
        ours=True,
    )
    pathway = Option(
        "Pathway",
        STRING,
        "",
        scopes("ecstream_listener", "esmtp_listener", "http_listener", "listen", "peer"),
        "The pathway whose options continue the chain of this listener, Listen or Peer.",
    )


class DefaultBindingOptions(Options):
    """What becomes of mail that no binding claims."""

    default_binding = Option(
        "Default_Binding",
        one_of("normal", "suspended", "none"),
        "normal",
        GLOBAL,
        "Mail for the default binding: queued there (normal, suspended), or answered 451 (none).",
    )


class NameOptions(Options):
    """What this host calls itself."""

    hostname = Option(
        "Hostname",
        HOST_NAME,
        "",
        GLOBAL,
        "Name of this host in greeting, trace fields and replies; without it the system's.",
    )


class BlackholeOptions(Options):
    """Domains whose mail is dropped, read along the outbound chain: inline at RCPT TO, internal after acceptance."""

    blackhole = Option(
        "Blackhole",
        BLACKHOLE,
        "false",
        OUTBOUND,
        "Drop mail of the scope: refused at RCPT TO (inline, true), or taken and failed (internal).",
    )


def forward_paths_max(options: ReceptionOptions) -> int:
    """How many recipients a message may have."""
    return min(options.recipients_per_message_max or FORWARD_PATHS_MAX, FORWARD_PATHS_MAX)
