"""A message as it would be kept, which rows may change until it is: content and envelope (phase ``data_spool``)."""

from __future__ import annotations

from momentum_trio.mail.header import begins_with_field, section_end
from momentum_trio.reception.transaction import Transaction
from momentum_trio.spool.entry import Entry
from momentum_trio.spool.spool import Spool

SECTION_OCTETS_MAX = 1024 * 1024
"""Of a header section with all that was added to it: it is held in memory."""
PIECE_OCTETS = 4 * 65535
"""Read at once: as many as four chunks of a milter's."""


class Draft:
    """entry: the content, ours to read; another one takes its place when it is rewritten. changed_section: the header
    section, once it was.

    Every method raises SpoolFull and SpoolSick; the draft is as it was then.
    """

    __slots__ = ("_body_begin", "_spool", "batch_id", "changed_section", "entry", "transaction")

    def __init__(self, spool: Spool, entry: Entry, transaction: Transaction, batch_id: str) -> None:
        self._spool, self.entry, self.transaction, self.batch_id = spool, entry, transaction, batch_id
        self._body_begin = 0  # known once the header section was read
        self.changed_section: bytes | None = None

    @property
    def hidden_fields(self) -> int:
        """How many fields stand in front that nobody but us has to do with: our own Received."""
        return int(self.transaction.rules.options.trace_headers)

    async def header_section(self) -> bytes:
        """The header section, without the empty line; empty: all of the content is body."""
        head = await self._head()
        end = section_end(head)
        if end < 0:
            end = len(head) if begins_with_field(head) and len(head) == self.entry.octets else 0
            self._body_begin = end
        else:
            self._body_begin = end + len(b"\r\n")
        return head[:end]

    async def _head(self) -> bytes:
        head = b""
        while len(head) < SECTION_OCTETS_MAX and (octets := await self.entry.read(len(head), PIECE_OCTETS)):
            head += octets
            if section_end(head) >= 0:
                break
        return head

    async def body(self, offset: int) -> bytes:
        """Some of the body from *offset* on, at most PIECE_OCTETS; none at its end. After ``header_section``."""
        return await self.entry.read(self._body_begin + offset, PIECE_OCTETS)

    def another(self) -> Entry:
        """An entry for another body. Whoever asks for it discards it."""
        return self._spool.begin()

    async def rewrite(self, section: bytes, body: Entry | None) -> None:
        """Another header *section*, and another *body* where there is one. Cancellation: as if never called."""
        source, offset = (self.entry, self._body_begin) if body is None else (body, 0)
        written = self.another()
        try:
            await written.write(section + b"\r\n")
            while octets := await source.read(offset, PIECE_OCTETS):
                await written.write(octets)
                offset += len(octets)
            self.entry, written = written, self.entry
        finally:
            await written.discard()
        self._body_begin, self.changed_section = len(section) + len(b"\r\n"), section
