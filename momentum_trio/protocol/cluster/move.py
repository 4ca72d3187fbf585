"""ECmmove2: how a message goes from one node's custody into another's, in lines as SMTP's. Both cores, without I/O.

```
220 b ECmmove2
EHLO a                       250-b / 250 XCLUSTERMETADATA 1
XCLUSTERMETADATA 1           354 go ahead
KEY 10/00-00481-001F3556
METADATA 512                 and 512 octets
METADATADICTS 2              and 2 octets;     250 METADATA, or 251 ID: it is here already
BDAT 65536                   and 65536 octets, as often as it takes
BDAT 0 LAST                  250 ID: it is in durable custody
```

From XCLUSTERMETADATA on it is the same for the next message. 4xx and 5xx to any of it: the message stays where it is.
"""

from __future__ import annotations

import re
from collections import deque
from enum import Enum, auto
from typing import Final, NamedTuple

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.cluster.moved_message import (
    DICTIONARIES_OCTETS_MAX,
    KEY_LENGTH_MAX,
    METADATA_OCTETS_MAX,
    Dictionaries,
    Metadata,
    decode_dictionaries,
    decode_metadata,
    encode,
)
from momentum_trio.protocol.msgc.frame import RemoteProtocolError

VERSION: Final = 1
LINE_OCTETS_MAX: Final = 512
CHUNK_OCTETS_MAX: Final = 256 * 1024
REPLY_LINES_MAX: Final = 20
UNCERTAIN_SECONDS_MAX: Final = 1800
"""For so long a node that did not hear what became of a message asks for it; so long at least its key is kept."""
KEYWORD: Final = "XCLUSTERMETADATA"

_COMMAND: Final = re.compile(rb"([A-Za-z]+)(?: ([!-~](?:[ -~]*[!-~])?))?")
_REPLY: Final = re.compile(rb"([2-5][0-9]{2})([ -])([ -~]*)")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")


class Held:
    """Octets that came: lines, and counted octets between them."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def receive(self, octets: bytes) -> None:
        """Take what came."""
        self._octets += octets

    def line(self) -> bytes | None:
        """The next line without its end; None: it is not there yet. Raises RemoteProtocolError."""
        end = self._octets.find(b"\r\n", 0, LINE_OCTETS_MAX)
        if end < 0:
            if len(self._octets) >= LINE_OCTETS_MAX:
                raise RemoteProtocolError(f"a line of more than {LINE_OCTETS_MAX} octets")
            return None
        line = bytes(self._octets[:end])
        del self._octets[: end + 2]
        return line

    def counted(self, count: int) -> bytes | None:
        """So many octets, once they are there."""
        if len(self._octets) < count:
            return None
        octets = bytes(self._octets[:count])
        del self._octets[:count]
        return octets


# -- who takes


class Offered(NamedTuple):
    """A message that the other end would hand over. Answered by ``go_on``, ``known`` or ``refuse``."""

    key: str
    metadata: Metadata
    dictionaries: Dictionaries


class Content(NamedTuple):
    """The next octets of the content of the message that is on its way."""

    octets: bytes


class Whole(NamedTuple):
    """All of it has come. Answered by ``taken`` or ``refuse``."""


class Left(NamedTuple):
    """The other end has said QUIT."""


Event = Offered | Content | Whole | Left


class _State(Enum):
    GREETED = auto()
    READY = auto()
    KEY = auto()
    METADATA = auto()
    DICTIONARIES = auto()
    DECISION = auto()
    CONTENT = auto()
    LAST = auto()
    CLOSED = auto()


class Taking:
    """Who takes messages. name: of this node."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = Held()
        self._events: deque[Event] = deque()
        self._sending = bytearray()
        self._state = _State.GREETED
        self._due = 0  # octets that are counted
        self._is_last = self._counts = False
        self._key = ""
        self._metadata: Metadata | None = None
        self._octets = 0  # of content
        self._say(f"220 {name} ECmmove2")

    def receive(self, octets: bytes) -> None:
        """Octets of the other side have come; ``next_event`` tells what they mean."""
        self._held.receive(octets)

    def next_event(self) -> Event | None:
        """What has happened; None: nothing yet. Raises RemoteProtocolError, for good."""
        while not self._events and self._state not in (_State.DECISION, _State.LAST, _State.CLOSED):
            if not self._advance():
                return None
        return self._events.popleft() if self._events else None

    def octets_to_send(self) -> bytes:
        """What is to be sent now."""
        octets = bytes(self._sending)
        self._sending.clear()
        return octets

    def go_on(self) -> None:
        """The message that was offered is wanted."""
        assert self._state is _State.DECISION
        self._state, self._octets = _State.CONTENT, 0
        self._say("250 METADATA")

    def known(self, batch_id: str) -> None:
        """It is in custody here, or was."""
        assert self._state is _State.DECISION
        self._next(f"251 {batch_id}")

    def taken(self, batch_id: str) -> None:
        """It is in custody here, durably."""
        assert self._state is _State.LAST
        self._next(f"250 {batch_id}")

    def refuse(self, reply: Reply) -> None:
        """It is not taken; *reply* says why."""
        assert self._state in (_State.DECISION, _State.LAST)
        text = "".join(character if " " <= character <= "~" else "?" for character in reply.text)
        self._next(f"{reply.code} {text}"[: LINE_OCTETS_MAX - 2])

    def _next(self, line: str) -> None:
        self._state = _State.READY
        self._say(line)

    def _say(self, line: str) -> None:
        self._sending += line.encode("ascii") + b"\r\n"

    def _advance(self) -> bool:
        """Take the next line or counted octets; whether there was one."""
        if self._counts:
            if (octets := self._held.counted(self._due)) is None:
                return False
            self._counts = False
            self._take_octets(octets)
            return True
        if (line := self._held.line()) is None:
            return False
        match = _COMMAND.fullmatch(line)
        if match is None:
            raise RemoteProtocolError("a line that is no command")
        self._take(match[1].decode().upper(), (match[2] or b"").decode())
        return True

    def _take(self, verb: str, argument: str) -> None:
        match self._state, verb:
            case _State.GREETED, "EHLO":
                self._say(f"250-{self._name}")
                self._next(f"250 {KEYWORD} {VERSION}")
            case _State.READY, "XCLUSTERMETADATA":
                if argument != str(VERSION):
                    raise RemoteProtocolError(f"{KEYWORD} {argument!a}, and {VERSION} was offered")
                self._state = _State.KEY
                self._say("354 go ahead")
            case _State.KEY, "KEY" if 0 < len(argument) <= KEY_LENGTH_MAX:
                self._key, self._state = argument, _State.METADATA
            case _State.METADATA, "METADATA":
                self._count(_number(argument, METADATA_OCTETS_MAX))
            case _State.DICTIONARIES, "METADATADICTS":
                self._count(_number(argument, DICTIONARIES_OCTETS_MAX))
            case _State.CONTENT, "BDAT":
                number, _, last = argument.partition(" ")
                if last not in ("", "LAST"):
                    raise RemoteProtocolError("BDAT that is none")
                self._is_last = bool(last)
                self._count(_number(number, CHUNK_OCTETS_MAX))
            case _State.READY | _State.GREETED, "QUIT":
                self._state = _State.CLOSED
                self._say("221 bye")
                self._events.append(Left())
            case _:
                raise RemoteProtocolError(f"{verb[:20]} is not due")

    def _count(self, due: int) -> None:
        self._due, self._counts = due, True

    def _take_octets(self, octets: bytes) -> None:
        if self._state is _State.METADATA:
            self._metadata, self._state = decode_metadata(octets), _State.DICTIONARIES
            return
        assert self._metadata is not None
        if self._state is _State.DICTIONARIES:
            self._state = _State.DECISION
            self._events.append(Offered(self._key, self._metadata, decode_dictionaries(octets)))
            return
        self._octets += len(octets)
        if self._octets > self._metadata.octets:
            raise RemoteProtocolError("more content than was declared")
        if octets:
            self._events.append(Content(octets))
        if self._is_last:
            if self._octets < self._metadata.octets:
                raise RemoteProtocolError("less content than was declared")
            self._state = _State.LAST
            self._events.append(Whole())


def _number(text: str, most: int) -> int:
    if _NUMBER.fullmatch(text) is None or int(text) > most:
        raise RemoteProtocolError(f"{text[:20]!a} octets, where {most} may be")
    return int(text)


# -- who hands over


class Wanted(NamedTuple):
    """The other end wants the content: ``content``, then ``end_content``."""


class HandedOver(NamedTuple):
    """The message is in durable custody there. was_known: it was before."""

    batch_id: str
    was_known: bool


class Kept(NamedTuple):
    """It stays here; what was said. was_wanted: after the content, so that it was not there, and is not now."""

    reply: Reply
    was_wanted: bool


class Ready(NamedTuple):
    """The next message may be offered."""


class _Asked(Enum):
    GREETING = auto()
    EHLO = auto()
    GO_AHEAD = auto()
    METADATA = auto()
    CONTENT = auto()
    QUIT = auto()
    NOTHING = auto()


class Handing:
    """Who hands messages over, one after the other. name: of this node."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = Held()
        self._sending = bytearray()
        self._lines: list[str] = []
        self._waits_for = _Asked.GREETING
        self._metadata = b""

    def receive(self, octets: bytes) -> None:
        """Take what came."""
        self._held.receive(octets)

    def octets_to_send(self) -> bytes:
        """What is to be sent now."""
        octets = bytes(self._sending)
        self._sending.clear()
        return octets

    def offer(self, key: str, metadata: Metadata, dictionaries: Dictionaries) -> None:
        """Offer a message, once Ready, or the one before is decided."""
        assert self._waits_for is _Asked.NOTHING
        parts = [f"KEY {key}\r\n".encode()]
        for verb, octets in (("METADATA", encode(metadata)), ("METADATADICTS", encode(dictionaries))):
            parts += [f"{verb} {len(octets)}\r\n".encode(), octets]
        self._metadata = b"".join(parts)
        self._ask(_Asked.GO_AHEAD, f"{KEYWORD} {VERSION}")

    def content(self, octets: bytes) -> None:
        """Some of the content that is wanted."""
        assert self._waits_for is _Asked.CONTENT
        for at in range(0, len(octets), CHUNK_OCTETS_MAX):
            chunk = octets[at : at + CHUNK_OCTETS_MAX]
            self._sending += f"BDAT {len(chunk)}\r\n".encode() + chunk

    def end_content(self) -> None:
        """That was all of it. Until the answer comes nobody knows who has the message."""
        assert self._waits_for is _Asked.CONTENT
        self._sending += b"BDAT 0 LAST\r\n"

    def quit(self) -> None:
        """Nothing more comes."""
        self._ask(_Asked.QUIT, "QUIT")

    def next_event(self) -> Ready | Wanted | HandedOver | Kept | None:
        """What has happened; None: nothing yet. Raises RemoteProtocolError, for good."""
        while (reply := self._reply()) is not None:
            if (event := self._take(reply)) is not None:
                return event
        return None

    def _ask(self, asked: _Asked, line: str) -> None:
        self._waits_for = asked
        self._sending += line.encode("ascii") + b"\r\n"

    def _reply(self) -> Reply | None:
        while (line := self._held.line()) is not None:
            match = _REPLY.fullmatch(line)
            if match is None:
                raise RemoteProtocolError("a line that is no reply")
            self._lines.append(match[3].decode())
            if match[2] == b" ":
                lines, self._lines = self._lines, []
                return Reply(int(match[1]), "", tuple(lines))
            if len(self._lines) >= REPLY_LINES_MAX:
                raise RemoteProtocolError("a reply of too many lines")
        return None

    def _take(self, reply: Reply) -> Ready | Wanted | HandedOver | Kept | None:
        asked, code = self._waits_for, reply.code
        match asked, code:
            case _Asked.GREETING, 220:
                self._ask(_Asked.EHLO, f"EHLO {self._name}")
                return None
            case _Asked.EHLO, 250:
                return self._greeted(reply)
            case _Asked.GO_AHEAD, 354:
                self._waits_for = _Asked.METADATA
                self._sending += self._metadata
                return None
            case _Asked.METADATA, 250:
                self._waits_for = _Asked.CONTENT
                return Wanted()
            case (_Asked.METADATA, 251) | (_Asked.CONTENT, 250):
                self._waits_for = _Asked.NOTHING
                return HandedOver(reply.lines[-1], was_known=code == 251)
            case _Asked.METADATA | _Asked.CONTENT, code if code >= 400:
                self._waits_for = _Asked.NOTHING
                return Kept(reply, was_wanted=asked is _Asked.CONTENT)
            case _Asked.QUIT, 221:
                self._waits_for = _Asked.NOTHING
                return None
            case _:
                raise RemoteProtocolError(f"{asked.name}: {code} {reply.text}"[:200])

    def _greeted(self, reply: Reply) -> Ready:
        words = [line.split() for line in reply.lines if line.upper().startswith(KEYWORD)]
        if not words:
            raise RemoteProtocolError(f"{KEYWORD} required but not advertised")
        if str(VERSION) not in words[0][1:]:
            raise RemoteProtocolError("supported version not advertised")
        self._waits_for = _Asked.NOTHING
        return Ready()
