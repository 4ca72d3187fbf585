"""What a milter wants changed, gathered until it has said its last word: then all of it is done, or nothing."""

from __future__ import annotations

from momentum_trio.mail.dsn import NO_WISH, Notify, Wish, unescaped
from momentum_trio.mail.path import forward_path, reverse_path
from momentum_trio.protocol.milter.header import HeaderFields
from momentum_trio.protocol.milter.packet import RemoteProtocolError
from momentum_trio.protocol.milter.reply import (
    AddHeader,
    AddRecipient,
    Change,
    ChangeFrom,
    ChangeHeader,
    DeleteRecipient,
    InsertHeader,
    Quarantine,
    ReplaceBody,
)
from momentum_trio.protocol.smtp.command import RCPT_PARAMETERS
from momentum_trio.reception.policy.draft import SECTION_OCTETS_MAX, Draft
from momentum_trio.reception.transaction import Recipient, bare
from momentum_trio.spool.entry import Entry

CHANGES_MAX = 1000
"""Of one message, pieces of its body not counted."""
GROWTH_OCTETS_MAX = 16 * 1024 * 1024
"""By which another body may be longer than the message was."""


class Changes:
    """Those of one message. fields: its header section as the milter knows it. quarantine: why it shall be held."""

    __slots__ = ("_body", "_count", "_draft", "_envelope", "_fields", "_is_changed", "_section_octets", "quarantine")

    def __init__(self, draft: Draft, fields: HeaderFields, section_octets: int) -> None:
        self._draft, self._fields, self._section_octets = draft, fields, section_octets
        self._envelope: list[Recipient | str | _From] = []
        self._body: Entry | None = None
        self._count = 0
        self._is_changed = False  # a field of the header section is
        self.quarantine: str | None = None

    async def take(self, change: Change) -> None:
        """One more. Raises: RemoteProtocolError, for one that cannot be done; SpoolFull, SpoolSick."""
        if isinstance(change, ReplaceBody):
            await self._replace(change.octets)
            return
        self._count += 1
        if self._count > CHANGES_MAX:
            raise RemoteProtocolError(f"more than {CHANGES_MAX} changes")
        match change:
            case AddHeader() | InsertHeader() | ChangeHeader():
                self._section_octets += len(change.name) + 2 * len(change.value) + len(b": \r\n")
                if self._section_octets > SECTION_OCTETS_MAX:
                    raise RemoteProtocolError(f"a header section of more than {SECTION_OCTETS_MAX} octets")
                self._fields.change(change)
                self._is_changed = True
            case AddRecipient():
                self._envelope.append(self._recipient(change))
            case DeleteRecipient():
                self._envelope.append(self._path(change.path))
            case ChangeFrom():
                self._envelope.append(_From(self._path(change.path, is_reverse=True)))
            case Quarantine():
                self.quarantine = change.reason.decode("ascii", "replace")

    async def apply(self) -> None:
        """Do all of it. Raises: SpoolFull, SpoolSick, and nothing was done then."""
        if self._is_changed or self._body is not None:
            await self._draft.rewrite(self._fields.section(), self._body)
        transaction = self._draft.transaction
        for each in self._envelope:
            match each:
                case Recipient():
                    if each.path not in transaction.forward_paths:
                        transaction.add(each)
                case str():
                    transaction.remove(each)
                case _From():
                    transaction.reverse_path = each.path

    async def close(self) -> None:
        """Keep nothing that was not applied."""
        if self._body is not None:
            await self._body.discard()

    async def _replace(self, octets: bytes) -> None:
        if self._body is None:
            self._body = self._draft.another()
        if self._body.octets + len(octets) > self._draft.entry.octets + GROWTH_OCTETS_MAX:
            raise RemoteProtocolError("a body that is much longer than the one before")
        await self._body.write(octets)

    def _recipient(self, change: AddRecipient) -> Recipient:
        recipient = bare(self._path(change.path))
        wish = _wish(change.parameters.decode("ascii", "replace"))
        return Recipient(recipient.path, recipient.given, "", recipient.domain, wish)

    def _path(self, path: bytes, *, is_reverse: bool = False) -> str:
        text = path.decode("utf-8", "replace").strip()
        text = text if text.startswith("<") else f"<{text}>"
        parse = reverse_path if is_reverse else forward_path
        try:
            return parse(text, pedantic=False, international=self._draft.transaction.smtputf8)
        except ValueError as wrong:
            raise RemoteProtocolError(f"{text[:100]!a} for a path: {wrong}") from None


class _From:
    """Another reverse-path."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path


def _wish(parameters: str) -> Wish:
    """What the parameters of RCPT ask for (RFC 3461). Raises RemoteProtocolError."""
    found: dict[str, str] = {}
    for word in parameters.split():
        keyword, _, value = word.partition("=")
        parameter = RCPT_PARAMETERS.get(keyword.upper())
        if parameter is None or not parameter.takes(value):
            raise RemoteProtocolError(f"{word[:100]!a} for a parameter of RCPT")
        found[keyword.upper()] = value
    if not found:
        return NO_WISH
    notify = Notify.parse(found["NOTIFY"]) if "NOTIFY" in found else Notify.UNSET
    return Wish(notify, unescaped(found.get("ORCPT", "")))
