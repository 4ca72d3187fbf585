"""What a row of policy answers: values, checked where they are made, so that the fault has the plug-in's own line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from momentum_trio.protocol.smtp.claims import PAIRS_MAX, is_own_name

VARIABLES_MAX = PAIRS_MAX
NAME_CHARACTERS_MAX = 64
VALUE_OCTETS_MAX = 1024
TEXT_CHARACTERS_MAX = 400  # so that a line of reply has at most 512 octets (RFC 5321 section 4.5.3.1.5)
FIELDS_MAX = 20
FIELD_CHARACTERS_MAX = 900  # name and value, so that a line has at most 998 (RFC 5322 section 2.1.1)

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_FIELD_NAME = re.compile(r"[!-9;-~]+")
_ENHANCED = re.compile(r"[45](?:\.(?:0|[1-9][0-9]{0,2})){2}", re.ASCII)
# The host's own: trace fields, the path of bounces, what it adds where it is missing.
_OWN_FIELDS = frozenset(("date", "message-id", "received", "return-path"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Base of all. connection, message: variables to set in the two contexts, which the records show.

    Raises ValueError for variables out of bounds, or whose name is the host's own.
    """

    connection: Mapping[str, str] = field(default_factory=dict)
    message: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for variables in (self.connection, self.message):
            if len(variables) > VARIABLES_MAX:
                raise ValueError(f"more than {VARIABLES_MAX} variables")
            for name, value in variables.items():
                _check_variable(name, value)


@dataclass(frozen=True, slots=True)
class Continue(Verdict):
    """Nothing against it: the next row is asked.

    fields: header fields to put in front; in ``data`` alone. pathway: whose options hold from here on, for the
    connection in ``connect``, ``ehlo`` and ``auth``, for the message in ``mailfrom``; empty: as before.
    """

    _: KW_ONLY
    fields: Sequence[tuple[str, str]] = ()
    pathway: str = ""

    def __post_init__(self) -> None:
        Verdict.__post_init__(self)
        if len(self.fields) > FIELDS_MAX:
            raise ValueError(f"more than {FIELDS_MAX} header fields")
        for name, value in self.fields:
            _check_field(name, value)
        _check_pathway(self.pathway)


@dataclass(frozen=True, slots=True)
class Done(Verdict):
    """Nothing against it, and no further row is asked in this phase. pathway: as that of Continue."""

    _: KW_ONLY
    pathway: str = ""

    def __post_init__(self) -> None:
        Verdict.__post_init__(self)
        _check_pathway(self.pathway)


@dataclass(frozen=True, slots=True)
class Reject(Verdict):
    """Permanently no. code: 500 to 559; enhanced: of class 5, or empty; text: one line of printable ASCII."""

    text: str
    _: KW_ONLY
    code: int = 550
    enhanced: str = "5.7.1"

    def __post_init__(self) -> None:
        Verdict.__post_init__(self)
        _check_reply(5, self.code, self.enhanced, self.text)


@dataclass(frozen=True, slots=True)
class Defer(Verdict):
    """Not now. code: 400 to 459, but not 421; enhanced: of class 4, or empty; text: one line of printable ASCII."""

    text: str
    _: KW_ONLY
    code: int = 451
    enhanced: str = "4.7.1"

    def __post_init__(self) -> None:
        Verdict.__post_init__(self)
        _check_reply(4, self.code, self.enhanced, self.text)
        if self.code == 421:
            raise ValueError("421 ends the session: that is Disconnect")


@dataclass(frozen=True, slots=True)
class Disconnect(Verdict):
    """421 and the end of the session. text, enhanced: as those of Defer."""

    text: str
    _: KW_ONLY
    enhanced: str = "4.7.0"

    def __post_init__(self) -> None:
        Verdict.__post_init__(self)
        _check_reply(4, 421, self.enhanced, self.text)


@dataclass(frozen=True, slots=True)
class Discard(Verdict):
    """The client is told that it was taken, and it is dropped; the rejectlog tells of it. From ``data`` on.

    In ``each_rcpt`` it is the one recipient's copy. reason: one line of printable ASCII.
    """

    reason: str = "discarded by policy"

    def __post_init__(self) -> None:
        Verdict.__post_init__(self)
        _check_text(self.reason)


@dataclass(frozen=True, slots=True)
class Bind(Verdict):
    """The binding that takes the message out, as Outbound_Binding names it. In ``set_binding`` alone."""

    binding: str

    def __post_init__(self) -> None:
        Verdict.__post_init__(self)
        _check_text(self.binding)


def _check_reply(reply_class: int, code: int, enhanced: str, text: str) -> None:
    if type(code) is not int or not reply_class * 100 <= code <= reply_class * 100 + 59:
        raise ValueError(f"expected a reply code from {reply_class}00 to {reply_class}59, not {code!r}")
    if enhanced != "" and not (_ENHANCED.fullmatch(enhanced) and enhanced[0] == str(reply_class)):
        raise ValueError(f"expected an enhanced status code {reply_class}.x.y or none, not {enhanced!r}")
    _check_text(text)


def _check_text(text: str) -> None:
    if not isinstance(text, str) or not (text.isascii() and text.isprintable()):
        raise ValueError("expected one line of printable ASCII")
    if not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"expected 1 to {TEXT_CHARACTERS_MAX} characters that are not all blanks")


def _check_pathway(name: str) -> None:
    if name != "":
        _check_text(name)


def _check_variable(name: str, value: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > NAME_CHARACTERS_MAX:
        raise ValueError(f"a variable's name has 1 to {NAME_CHARACTERS_MAX} letters, digits, '_', '.' or '-'")
    if is_own_name(name):
        raise ValueError(f"the variable {name} is the host's own")
    if not isinstance(value, str) or len(value.encode("utf-8", "surrogatepass")) > VALUE_OCTETS_MAX:
        raise ValueError(f"the value of {name} is no text of at most {VALUE_OCTETS_MAX} octets")
    if not value.isprintable():
        raise ValueError(f"the value of {name} is not printable")


def _check_field(name: str, value: str) -> None:
    if not _FIELD_NAME.fullmatch(name) or name.lower() in _OWN_FIELDS:
        raise ValueError(f"{name!r} is no name of a header field that may be added")
    if not (value.isascii() and value.isprintable()) or len(name) + len(value) > FIELD_CHARACTERS_MAX:
        raise ValueError(f"the value of {name} is no line of printable ASCII of at most {FIELD_CHARACTERS_MAX}")
