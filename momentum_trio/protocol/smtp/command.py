"""Command lines to events (RFC 5321 section 4.1.1): each verb, its type of event, its grammar, its refusals.

MAIL and RCPT of the usual form go through one compiled expression; whatever that does not take goes through the full
grammar of ``mail/path.py``. A law in the tests says that the two agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from momentum_trio.mail import path
from momentum_trio.mail.dsn import (
    ENVELOPE_ID_OCTETS_MAX,
    NO_RETURNING,
    NO_WISH,
    ORIGINAL_RECIPIENT_OCTETS_MAX,
    XTEXT,
    Notify,
    Returning,
    Wish,
    unescaped,
)
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import authentication, claims, replies
from momentum_trio.protocol.smtp.event import (
    Auth,
    Data,
    Event,
    Expn,
    Hello,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Reset,
    StartTls,
    Vrfy,
    XClient,
    XDumpContext,
    XRemoteIp,
    XSetContext,
)
from momentum_trio.protocol.smtp.terms import Terms

COMMAND_OCTETS_MAX: Final = 2048
"""Longest command line, CRLF included: 512 (RFC 5321 section 4.5.3.1.4) and room for extensions' parameters."""

SMTPUTF8: Final = "SMTPUTF8"
"""Of MAIL, and of VRFY (RFC 6531 section 3.4): characters beyond ASCII may come."""

BINARYMIME: Final = "BINARYMIME"
"""Of BODY (RFC 3030 section 3): content that is no lines."""

AUTH_OCTETS_MAX: Final = 500
"""Of the AUTH parameter of MAIL as sent (RFC 4954 section 5)."""

Parameters = Mapping[str, str | None]
Parse = Callable[[str, str, Terms], Event | Reply]
"""From a line that is printable, its argument and the terms to the event, or to the refusal."""

NO_PARAMETERS: Final[Parameters] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Command:
    """One verb. event: what it becomes, which is what the table of transitions asks about before anything is parsed.

    extension: what has to be offered for it to be known at all; empty: nothing.
    guarded: whether it also depends on what the tables do not know: octets behind it, who the client is.
    """

    event: type[Event]
    parse: Parse
    extension: str = ""
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ESMTP parameter. extension: the EHLO keyword that offers it; value: its grammar; None: it has no value."""

    extension: str
    value: re.Pattern[str] | None

    def takes(self, value: str | None) -> bool:
        """Whether *value* (None: the keyword stood alone) is of the grammar."""
        if self.value is None:
            return value is None
        return value is not None and self.value.fullmatch(value) is not None


_TYPED = rf"[A-Za-z0-9-]{{1,60}};{XTEXT}+"  # of ORCPT: RFC 3461 section 4.2, RFC 6533 section 3
_TYPED_UTF8 = rf"[Uu][Tt][Ff]-8;(?:{XTEXT}|[^\x00-\x7f])+"

MAIL_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "SIZE": Parameter("SIZE", re.compile(r"[0-9]{1,20}")),  # RFC 1870 section 5
        "BODY": Parameter("8BITMIME", re.compile(r"7BIT|8BITMIME|BINARYMIME", re.IGNORECASE)),  # RFC 6152 section 3
        "AUTH": Parameter("AUTH", re.compile(rf"<>|(?!.{{{AUTH_OCTETS_MAX + 1}}})(?:{XTEXT})+")),  # RFC 4954 section 5
        "SMTPUTF8": Parameter("SMTPUTF8", None),  # RFC 6531 section 3.4
        "RET": Parameter("DSN", re.compile(r"FULL|HDRS", re.IGNORECASE)),  # RFC 3461 section 4.3
        "ENVID": Parameter(  # RFC 3461 section 4.4
            "DSN", re.compile(rf"(?!.{{{ENVELOPE_ID_OCTETS_MAX + 1}}}){XTEXT}+")
        ),
    }
)
RCPT_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "NOTIFY": Parameter(  # RFC 3461 section 4.1
            "DSN", re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE)
        ),
        "ORCPT": Parameter(
            "DSN", re.compile(rf"(?!.{{{ORIGINAL_RECIPIENT_OCTETS_MAX + 1}}})(?:{_TYPED}|{_TYPED_UTF8})")
        ),
    }
)

# RFC 5321 section 4.1.2, RFC 6531 section 3.3
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*+)(?:=([!-<>-~\x80-\U0010ffff]+))?")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")  # in ORCPT; there it becomes utf-8-addr-xtext (RFC 6533 section 3)
_HELLO_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,254})")
_FROM = re.compile("from:", re.IGNORECASE)
_TO = re.compile("to:", re.IGNORECASE)

# What nearly every client sends: a dot-string, a domain name, brackets close around them.
_USUAL_PATH = re.compile(rf"({path.DOT_STRING.pattern})@({path.DOMAIN_NAME.pattern})")
_USUAL = rf"<{_USUAL_PATH.pattern}>(?: (.+))?"
_USUAL_MAIL = re.compile(rf"[Ff][Rr][Oo][Mm]:{_USUAL}")
_USUAL_RCPT = re.compile(rf"[Tt][Oo]:{_USUAL}")


def _mail(line: str, argument: str, terms: Terms) -> Event | Reply:
    found = _reverse_path(argument, terms)
    return replies.MAIL_SYNTAX if found is None else _mail_with(line, *found, terms)


def _reverse_path(argument: str, terms: Terms) -> tuple[str, str | None] | None:
    """The reverse-path of MAIL, and its parameters as text; None when the argument has not this shape."""
    if (match := _USUAL_MAIL.fullmatch(argument)) and (usual := _usual_path(match)):
        return usual, match[3]
    if not (found := _path_and_rest(argument, _FROM, terms)):
        return None
    text, rest = found
    try:
        reverse_path = path.reverse_path(
            text,
            pedantic=terms.pedantic_addresses,
            unqualified=terms.unqualified_reverse_path,
            international=True,  # whether the line may hold such characters has been asked before
        )
    except ValueError:
        return None
    return reverse_path, rest


def _mail_with(line: str, reverse_path: str, rest: str | None, terms: Terms) -> Mail | Reply:
    """MAIL with the parameters in *rest*."""
    if not rest:
        is_ascii = line.isascii()
        return Mail(reverse_path, NO_PARAMETERS, None, "", line, NO_RETURNING) if is_ascii else replies.NOT_ASCII
    parameters = _parameters(rest, MAIL_PARAMETERS, terms)
    if isinstance(parameters, Reply):
        return parameters
    if not line.isascii() and SMTPUTF8 not in parameters:
        return replies.NOT_ASCII
    declared = parameters.get("SIZE")
    size = None if declared is None else int(declared)
    if size is not None and 0 < terms.message_octets_max < size:
        return replies.MESSAGE_TOO_LARGE  # RFC 1870 section 6.1
    body = (parameters.get("BODY") or "").upper()
    if body == BINARYMIME and BINARYMIME not in terms.offered:
        return replies.PARAMETER_MALFORMED
    return Mail(reverse_path, parameters, size, body, line, _returning(parameters))


def _rcpt(line: str, argument: str, terms: Terms) -> Event | Reply:
    found = _forward_path(argument, terms)
    return replies.RCPT_SYNTAX if found is None else _rcpt_with(line, *found, terms)


def _forward_path(argument: str, terms: Terms) -> tuple[str, str | None] | None:
    """The same of RCPT."""
    if (match := _USUAL_RCPT.fullmatch(argument)) and (usual := _usual_path(match)):
        return usual, match[3]
    if not (found := _path_and_rest(argument, _TO, terms)):
        return None
    text, rest = found
    try:
        forward_path = path.forward_path(
            text,
            pedantic=terms.pedantic_addresses,
            unqualified=terms.unqualified_forward_path,
            international=True,
        )
    except ValueError:
        return None
    return forward_path, rest


def _rcpt_with(line: str, forward_path: str, rest: str | None, terms: Terms) -> Rcpt | Reply:
    if not rest:
        return Rcpt(forward_path, NO_PARAMETERS, line, NO_WISH)
    parameters = _parameters(rest, RCPT_PARAMETERS, terms)
    return parameters if isinstance(parameters, Reply) else Rcpt(forward_path, parameters, line, _wish(parameters))


def mail_of(reverse_path: str, parameters: str, terms: Terms) -> Mail | Reply:
    """What MAIL would be, or be answered, with *reverse_path*, which has no brackets, and *parameters*.

    For mail whose envelope did not come in lines: it is judged as if it had, and a bracket does not end a path early.
    """
    line = f"MAIL FROM:<{reverse_path}>{parameters and ' '}{parameters}"
    found = _reverse_path(f"FROM:<{reverse_path}>", terms) if line.isprintable() else None
    return replies.MAIL_SYNTAX if found is None or found[1] else _mail_with(line, found[0], parameters, terms)


def rcpt_of(forward_path: str, parameters: str, terms: Terms, *, smtputf8: bool) -> Rcpt | Reply:
    """The same of RCPT. smtputf8: MAIL had that parameter."""
    if not parameters and (match := _USUAL_PATH.fullmatch(forward_path)) and (usual := _usual_path(match)):
        return Rcpt(usual, NO_PARAMETERS, f"RCPT TO:<{forward_path}>")
    line = f"RCPT TO:<{forward_path}>{parameters and ' '}{parameters}"
    if not (smtputf8 or line.isascii()):
        return replies.NOT_ASCII if line.isprintable() else replies.RCPT_SYNTAX
    found = _forward_path(f"TO:<{forward_path}>", terms) if line.isprintable() else None
    return replies.RCPT_SYNTAX if found is None or found[1] else _rcpt_with(line, found[0], parameters, terms)


def _returning(parameters: Parameters) -> Returning:
    return Returning((parameters.get("RET") or "").upper(), unescaped(parameters.get("ENVID") or ""))


def _wish(parameters: Parameters) -> Wish:
    notify = parameters.get("NOTIFY")
    original = _NOT_ASCII.sub(lambda match: f"\\x{{{ord(match[0]):X}}}", parameters.get("ORCPT") or "")
    return Wish(Notify.parse(notify) if notify else Notify.UNSET, unescaped(original))


def _usual_path(match: re.Match[str]) -> str | None:
    """The canonical path of a usual argument; None when only the full grammar can tell whether it is short enough."""
    local, domain = match.group(1, 2)
    if len(local) > path.LOCAL_PART_OCTETS_MAX or len(domain) > path.LABEL_OCTETS_MAX:
        return None
    return f"{local}@{domain.lower()}"


def _path_and_rest(argument: str, keyword: re.Pattern[str], terms: Terms) -> tuple[str, str] | None:
    """The path with its brackets, and the parameters after it; None when the argument has not this shape."""
    if not (begun := keyword.match(argument)):
        return None
    brackets = path.BRACKETED_LOOSELY if terms.trailing_whitespace else path.BRACKETED
    if not (match := brackets.match(argument, begun.end())):
        return None
    rest = argument[match.end() :]
    if rest and (rest[0] != " " or len(rest) == 1):
        return None
    return f"<{match[1]}>", rest[1:]


def _parameters(text: str, known: Mapping[str, Parameter], terms: Terms) -> Parameters | Reply:
    """Keyword in upper case to value, of *text* after a path; or the refusal (RFC 5321 section 4.1.1.11)."""
    found: dict[str, str | None] = {}
    for word in text.split(" "):
        if not (match := _PARAMETER.fullmatch(word)):
            return replies.PARAMETER_MALFORMED
        keyword, value = match[1].upper(), match[2]
        parameter = known.get(keyword)
        if parameter is None or parameter.extension not in terms.offered:
            return replies.PARAMETER_UNKNOWN
        if keyword in found or not parameter.takes(value):
            return replies.PARAMETER_MALFORMED
        found[keyword] = value
    return found


def _hello(line: str, argument: str, terms: Terms) -> Event | Reply:
    verb = line[:4].upper()
    refusal = replies.INVALID_EHLO if verb == "EHLO" else replies.INVALID_HELO
    if argument.startswith("["):
        try:
            path.domain(argument)
        except ValueError:
            return refusal
    elif not _HELLO_NAME.fullmatch(argument):
        return refusal
    return Hello(verb, argument, line)


def _bare(event: Event, refusal: Reply) -> Parse:
    """The grammar of a verb that stands alone."""

    def parse(line: str, argument: str, terms: Terms) -> Event | Reply:
        return refusal if " " in line else event

    return parse


def _starttls(line: str, argument: str, terms: Terms) -> Event | Reply:
    if terms.in_tls:
        return replies.TLS_ACTIVE
    return replies.NO_PARAMETERS if " " in line else StartTls()


def _xclient(line: str, argument: str, terms: Terms) -> Event | Reply:
    claim = claims.claim_of(argument)
    return claim if isinstance(claim, Reply) else XClient(claim, line)


def _xremoteip(line: str, argument: str, terms: Terms) -> Event | Reply:
    try:
        return XRemoteIp(claims.address_of(argument), line)
    except ValueError:
        return replies.XREMOTEIP_SYNTAX


def _xsetcontext(line: str, argument: str, terms: Terms) -> Event | Reply:
    pairs = claims.context_of(argument)
    return pairs if isinstance(pairs, Reply) else XSetContext(pairs)


def _with_argument(event: Callable[[str], Event]) -> Parse:
    """The grammar of a verb with one argument, a string."""

    def parse(line: str, argument: str, terms: Terms) -> Event | Reply:
        return event(argument) if argument.strip() else replies.ARGUMENT_MISSING

    return parse


HTTP_METHODS: Final = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"))
"""What a web browser says first when a page makes it speak to an SMTP port. In the body of its request the page can
write commands, and those would have the relay rights of the browser's host: so nothing of it is read."""

PROXY: Final = "PROXY"
PROXY_V2: Final = b"\0"
"""What a proxy says first that takes us for its own kind: a line of version 1, the third line of version 2's signature.

What follows are a stranger's commands, and they would have the relay rights of the proxy's host."""

BDAT: Final = "BDAT"
"""No row of COMMANDS: whatever is said to it, a chunk follows (RFC 3030 section 2)."""

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "EHLO": Command(Hello, _hello),
        "HELO": Command(Hello, _hello),
        "MAIL": Command(Mail, _mail),
        "RCPT": Command(Rcpt, _rcpt),
        "DATA": Command(Data, _bare(Data(), replies.DATA_ARGUMENT), guarded=True),
        "RSET": Command(Reset, _bare(Reset(), replies.RSET_ARGUMENT)),
        "NOOP": Command(Noop, lambda line, argument, terms: Noop(argument)),
        "VRFY": Command(Vrfy, _with_argument(Vrfy)),
        "EXPN": Command(Expn, _with_argument(Expn)),
        "HELP": Command(Help, lambda line, argument, terms: Help(argument)),
        "QUIT": Command(Quit, _bare(Quit(), replies.NO_PARAMETERS)),
        "STARTTLS": Command(StartTls, _starttls, "STARTTLS", guarded=True),
        "AUTH": Command(Auth, authentication.parse, "AUTH", guarded=True),
        "XCLIENT": Command(XClient, _xclient, "XCLIENT"),
        "XREMOTEIP": Command(XRemoteIp, _xremoteip, "XREMOTEIP"),
        "XSETCONTEXT": Command(XSetContext, _xsetcontext, "XSETCONTEXT"),
        "XDUMPCONTEXT": Command(XDumpContext, _bare(XDumpContext(), replies.NO_PARAMETERS), "XDUMPCONTEXT"),
    }
)
