"""What is taken down of one session while it goes on: the witness of its server, bounded, masked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.rehearsal.mask import MASK, masked, masked_start
from momentum_trio.protocol.rehearsal.recording import (
    ENTRIES_MAX,
    TEXT_CHARACTERS_MAX,
    AnyEntry,
    Content,
    Left,
    Line,
    LongLine,
    Recording,
    Said,
)
from momentum_trio.protocol.rehearsal.shape import CONTENT_OCTETS_MAX, Measure
from momentum_trio.protocol.smtp.authentication import CANCEL

NOTES_OCTETS_MAX = 1024 * 1024
"""Of one session, about; what comes after is left out."""
ENTRY_OCTETS = 200  # of an entry, beside its text
BDAT = b"BDAT"


@dataclass(frozen=True, slots=True)
class About:
    """Whose session it is: the members of a Recording that are known at its beginning."""

    began: float
    host: str
    listener: str
    listen: str
    peer_address: str
    peer: str
    local: str
    unix: bool


class Notes:
    """The notes of one session (a ``protocol.smtp.witness.Witness``).

    now: seconds since the session began. keep_content: whether contents are kept where there is room for them.
    entries: what was said so far. cut: there was no room for all. reconfigured: set when another configuration holds.
    """

    def __init__(
        self,
        about: About,
        now: Callable[[], float],
        *,
        keep_content: bool = False,
        octets_max: int = NOTES_OCTETS_MAX,
        entries_max: int = ENTRIES_MAX,
    ) -> None:
        self.about = about
        self.entries: list[AnyEntry] = []
        self.cut = self.reconfigured = False
        self._now, self._keep_content = now, keep_content
        self._room, self._entries_max = octets_max, entries_max
        self._measure: Measure | None = None  # of the content that comes
        self._content_at = 0.0
        self._kept: bytearray | None = None
        self._judge = ""  # of the next reply
        self._is_challenged = False  # the last one was 334: what comes is a response (RFC 4954 section 4)

    def line(self, octets: bytes) -> None:
        """As the contract says; masked, and whole where it answers a challenge. Chunks are not taken down: with the
        first of them the notes end (RFC 3030)."""
        if octets[: len(BDAT)].upper() == BDAT:
            self.cut = True
        kept = self._response(octets) if self._is_challenged else masked(octets)
        self._add(Line(self._now(), kept.decode("latin-1")), len(octets))

    def _response(self, octets: bytes) -> bytes:
        """What is kept of a line that answers a challenge: that it gives up, or nothing."""
        return octets if octets == CANCEL else MASK

    def long_line(self, start: bytes, *, endless: bool) -> None:
        """As the contract says."""
        self._add(LongLine(self._now(), masked_start(start).decode("latin-1"), endless), len(start))

    def content(self, octets: bytes, *, ended: bool) -> None:
        """As the contract says. Only its shape is kept, unless all was asked for and there is room."""
        if self.cut:
            return
        if self._measure is None:
            self._measure, self._content_at = Measure(), self._now()
            self._kept = bytearray() if self._keep_content else None
        self._measure.take(octets)
        if self._kept is not None:
            self._kept += octets
            if len(self._kept) > self._room // 2:
                self._kept = None
        if ended:
            self._end_content(ended=True)

    def left(self) -> None:
        """As the contract says."""
        self._end_content(ended=False)
        self._add(Left(self._now()), 0)

    def reply(self, reply: Reply) -> None:
        """As the contract says. What is said in the middle of a content ends the session, and the content."""
        self._end_content(ended=False)
        text = reply.octets().decode("ascii").removesuffix("\r\n").replace("\r\n", "\n")[:TEXT_CHARACTERS_MAX]
        self._add(Said(self._now(), text, self._judge), len(text))
        self._judge = ""
        self._is_challenged = reply.code == 334

    def judged(self, code: int, text: str, by: str) -> None:
        """*by* decided on this refusal. The server's own are recorded after they were said, the others before."""
        last = self.entries[-1] if self.entries else None
        if isinstance(last, Said) and not last.by and last.line == f"{code} {text}" and by == SERVER:
            self.entries[-1] = replace(last, by=by)
        else:
            self._judge = by

    def recording(self, why: str) -> Recording:
        """The session is over."""
        self._end_content(ended=False)
        about = self.about
        return Recording(
            began=about.began,
            host=about.host,
            listener=about.listener,
            listen=about.listen,
            peer_address=about.peer_address,
            peer=about.peer,
            local=about.local,
            unix=about.unix,
            entries=tuple(self.entries),
            seconds=self._now(),
            why=why,
            cut=self.cut,
            reconfigured=self.reconfigured,
        )

    def _end_content(self, *, ended: bool) -> None:
        measure, self._measure = self._measure, None
        if measure is None:
            return
        shape, sha256 = measure.shape(ended=ended)
        self.cut |= shape.octets > CONTENT_OCTETS_MAX
        kept = None if self._kept is None or not ended else bytes(self._kept)
        self._add(Content(self._content_at, shape, sha256, ended, kept), 0 if kept is None else 2 * len(kept))

    def _add(self, entry: AnyEntry, octets: int) -> None:
        self._room -= ENTRY_OCTETS + octets
        if self._room < 0 or len(self.entries) == self._entries_max:
            self.cut = True
        if not self.cut:
            self.entries.append(entry)


SERVER = "smtp"
"""Who decides where it is the protocol that says no, in the rejectlog's words."""
