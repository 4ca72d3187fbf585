"""A message as programs hand it over, made one that can be sent: line ends, header section, recipients, what it lacks.

What the sendmail command does to its input, without reading or sending anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formataddr, getaddresses

from momentum_trio.mail.path import mailbox

_LINE_END = re.compile(rb"\r?\n")
_LONE_DOT = re.compile(rb"^\.\r?\n", re.MULTILINE)
_MBOX_LINE = re.compile(rb">?From [^\n]*\n")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
RECIPIENT_FIELDS = ("to", "cc", "bcc")
RESENT_FIELDS = ("resent-to", "resent-cc", "resent-bcc")
NOT_SENT = frozenset(("bcc", "resent-bcc"))


def up_to_dot(octets: bytes) -> bytes:
    """*octets* up to the first line that is a single dot."""
    found = _LONE_DOT.search(octets)
    return octets[: found.start()] if found else octets


@dataclass(slots=True)
class Submission:
    """A message with CRLF line ends. fields: whole ones, of the header section. body: without the empty line."""

    fields: list[bytes]
    body: bytes

    @classmethod
    def parse(cls, octets: bytes) -> Submission:
        """The message in *octets*, line ends LF or CRLF. Text that begins without a field is all body."""
        if octets and not octets.endswith(b"\n"):
            octets += b"\n"
        octets = _LINE_END.sub(b"\r\n", octets)
        if first := _MBOX_LINE.match(octets):
            octets = octets[first.end() :]
        fields, at = [], 0
        while found := _FIELD.match(octets, at):
            fields.append(found[0])
            at = found.end()
        return cls(fields, octets[at + 2 :] if octets.startswith(b"\r\n", at) else octets[at:])

    def octets(self) -> bytes:
        """The message as it is sent."""
        return b"".join(self.fields) + b"\r\n" + self.body

    def has(self, *names: str) -> bool:
        """Whether there is a field of one of *names*, in lower case."""
        return any(_name(field) in names for field in self.fields)

    def add(self, name: str, value: str, *, first: bool = False) -> None:
        """Put a field at the end of the header section, or *first*. Raises ValueError when *value* has line ends."""
        if "\r" in value or "\n" in value:
            raise ValueError(f"a line end stands in what is to be {name}")
        field = f"{name}: {value}\r\n".encode()
        self.fields.insert(0 if first else len(self.fields), field)

    def take_recipients(self) -> list[str]:
        """The addresses in To, Cc and Bcc, as they are written; where it was sent again those of the Resent fields.

        Bcc fields are removed.
        """
        names = RESENT_FIELDS if self.has(*RESENT_FIELDS) else RECIPIENT_FIELDS
        values = [_value(field) for field in self.fields if _name(field) in names]
        self.fields = [field for field in self.fields if _name(field) not in NOT_SENT]
        return [address for _, address in getaddresses(values) if address]


def _name(field: bytes) -> str:
    return field.partition(b":")[0].rstrip(b" \t").lower().decode("ascii")


def _value(field: bytes) -> str:
    return field.partition(b":")[2].decode("utf-8", "replace").replace("\r\n", "").strip()


def path_of(address: str, host: str) -> str:
    """The path that *address* means on *host*: a name alone is a mailbox there. Raises ValueError, saying why not."""
    text = address.strip().removeprefix("<").removesuffix(">")
    try:
        return mailbox(text if "@" in text else f"{text}@{host}")
    except ValueError as wrong:
        raise ValueError(f"'{address}' is no address: {wrong}") from None


def author(full_name: str, address: str) -> str:
    """``Full Name <address>`` as From says it, encoded where it has to be (RFC 2047)."""
    return formataddr((full_name, address)) if full_name else address
