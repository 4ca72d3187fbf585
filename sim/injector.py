"""Where mail comes from by ECStream: an injector of the simulator's own, as stubborn as its SMTP client.

It shares no protocol code with the product (it was written from docs/protocols/ecstream.md), since its word is what the
product is judged by. Whatever a server does against the protocol is noted, and ends the connection.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import trio

from .client import (
    LEAVES_AFTER_MS,
    LEFT,
    NOBODY,
    Conversation,
    FellSilent,
    Gone,
    Owed,
    Sender,
    family,
    say_nothing,
)
from .evidence import Breach
from .letter import content_of
from .scenario import Leaving

PREFACE = b"ECSTREAM\r\n\0\xec"
HELLO, BATCH, CHUNK, BYE, PING, PONG, ERROR, WELCOME, RESULTS, CREDIT = 1, 3, 4, 5, 16, 17, 18, 33, 37, 38
HEADER_OCTETS = 8
PAYLOAD_OCTETS_MAX = 4 * 1024 * 1024


class Broken(Gone):
    """The server has done something against the protocol."""


class Sent(NamedTuple):
    """A batch without results: its mails, and the forward-paths that were sent of each."""

    mails: list[tuple[Owed, list[str]]]


class Injector(Sender):
    """One session's mails by ECStream: all that are due in one batch, or (*pipelining*) a batch each, sent ahead."""

    _first = ""  # of the mails of a connection

    async def _round(self, silent: trio.Nursery) -> None:
        """Try every mail that is owed once, over one connection; where that falls silent, it stays in *silent*."""
        self._connected, self._first = self._now(), self.owed[0].mail.name
        self._begin(self.owed[0])  # that nobody is there is an attempt too
        stream: Stream | None = None
        try:
            with trio.CancelScope() as silence, ExitStack() as opened:
                socket = opened.enter_context(trio.socket.socket(family(self.target.address)))
                talk = Conversation(socket, silence)
                await self._connect(socket, talk)
                stream = Stream(talk, self._resolve)
                await stream.begin()
                for mails in self._batches():
                    talk.patient_for(math.inf)
                    await self._until(mails[-1].mail.at_seconds)
                    try:
                        await self._send_batch(stream, mails)
                    except FellSilent:
                        silent.start_soon(say_nothing, socket, opened.pop_all())
                        raise
                await stream.finish()
        except (OSError, Gone) as fault:
            self._break_off(stream, fault)
        else:
            if silence.cancelled_caught:
                self._break_off(stream, Gone(NOBODY))

    def _batches(self) -> Iterator[list[Owed]]:
        owed = list(self.owed)
        return iter([[each] for each in owed] if self._pipelining else [owed])

    def _break_off(self, stream: Stream | None, why: Exception) -> None:
        """The connection is of no use any more: what became of batches that were begun nobody knows."""
        if isinstance(why, Broken):
            self.breaches.append(Breach(self._now(), self.target.host, self._first, str(why)))
        for number, sent in sorted(stream.sent.items()) if stream is not None else ():
            for owed, _ in sent.mails:
                owed.content_sent = owed.content_sent and (stream is None or number < stream.unbegun)
        for owed in list(self.owed):
            self._give_up(owed, str(why))

    async def _send_batch(self, stream: Stream, mails: Sequence[Owed]) -> None:
        for owed in mails:
            self._begin(owed)
            owed.notifies = True
        leaves = next((owed.leaves for owed in mails if owed.leaves is not Leaving.NEVER), Leaving.NEVER)
        for owed in mails:
            owed.leaves = Leaving.NEVER
        frames = list(_frames(stream.next_number, mails))
        if leaves in (Leaving.CONTENT, Leaving.SILENCE):
            await stream.send_frame(*frames[0], cut=True)
            raise (Gone if leaves is Leaving.CONTENT else FellSilent)(LEFT)
        stream.sent[stream.next_number] = Sent([(owed, list(owed.left)) for owed in mails])
        stream.next_number += 1
        for owed in mails:  # from here on nobody knows, until there are results
            owed.content_sent, owed.accepted = True, tuple(owed.left)
        for kind, payload in frames:
            await stream.send_frame(kind, payload)
        if leaves is Leaving.ANSWER:
            await trio.sleep((1 + mails[0].mail.octets % LEAVES_AFTER_MS) / 1000)
            stream.talk.reset()
            raise Gone(LEFT)

    def _resolve(self, sent: Sent, results: Sequence[Result]) -> None:
        """A batch has its results."""
        if len(results) != len(sent.mails):
            raise Broken(f"{len(results)} results of {len(sent.mails)} messages")
        for (owed, paths), result in zip(sent.mails, results, strict=True):
            said = list(result.recipients or [result.reply] * len(paths))
            if len(said) != len(paths):
                raise Broken(f"{len(said)} replies to {len(paths)} recipients")
            owed.accepted = tuple(
                p for p, reply in zip(paths, said, strict=True) if result.id and reply.startswith("2")
            )
            owed.refused = tuple((p, reply) for p, reply in zip(paths, said, strict=True) if reply.startswith("5"))
            if result.id and not owed.accepted:
                raise Broken("an id for nobody")
            self._judge_each(owed, f"{result.reply} {result.id}".rstrip())


class Result(NamedTuple):
    """What became of one message. recipients: replies; none: *reply* is everybody's."""

    id: str
    reply: str
    recipients: tuple[str, ...]


def _frames(number: int, mails: Sequence[Owed]) -> Iterator[tuple[int, bytes]]:
    """The batch of *mails*, each with a content of its own, and the chunks of those that follow."""
    contents, messages, chunks = [], [], list[bytes]()
    for place, owed in enumerate(mails):
        mail, content = owed.mail, content_of(owed.mail)
        if mail.chunks:
            contents.append(struct.pack(">BI", 1, len(content)))
            chunks += _cut(content, mail.chunks)
        else:
            contents.append(struct.pack(">BI", 0, len(content)) + content)
        path, parameters = mail.reverse_path.encode(), f"ENVID={mail.name}".encode()
        # another envelope would be another message: who is left after some were refused gets a key of their own
        key = f"{mail.key}/{len(owed.left)}".encode() if mail.key else b""
        head = struct.pack(">BBHHHH", len(key), 0, len(path), len(parameters), place, len(owed.left)) + key
        wish = f"NOTIFY={mail.notify}".encode() if mail.notify else b""
        each = (forward.encode() for forward in owed.left)
        recipients = b"".join(struct.pack(">HH", len(p), len(wish)) + p + wish for p in each)
        messages.append(head + path + parameters + recipients)
    yield BATCH, struct.pack(">IHH", number, len(contents), len(messages)) + b"".join(contents + messages)
    for chunk in chunks:
        yield CHUNK, chunk


def _cut(content: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    for size in sizes:
        if content and size:
            yield content[:size]
            content = content[size:]
    if content:
        yield content


class Stream:
    """Frames out, frames in. sent: batches without results, by their number. unbegun: what ERROR said; before that more
    than there are."""

    def __init__(self, talk: Conversation, resolve: Callable[[Sent, Sequence[Result]], None]) -> None:
        self.talk, self._resolve = talk, resolve
        self.sent: dict[int, Sent] = {}
        self.unbegun = 2**32
        self.next_number = 1
        self._held = b""
        self._window = self._credit = self._batches_max = 0

    async def begin(self) -> None:
        """The preface, HELLO, WELCOME."""
        await self.talk.send(PREFACE)
        await self._send(HELLO, struct.pack(">HHB", 1, 1, 3) + b"sim")
        while not self._window:
            await self._hear()

    async def send_frame(self, kind: int, payload: bytes, *, cut: bool = False) -> None:
        """Send a BATCH or a CHUNK once there is credit for it. cut: only its first half."""
        cost = HEADER_OCTETS + len(payload)
        while cost > self._credit or (kind == BATCH and len(self.sent) > self._batches_max):
            await self._hear()
        self._credit -= cost
        if cut:
            await self.talk.send((_header(kind, payload) + payload)[: cost // 2])
        else:
            await self._send(kind, payload)

    async def finish(self) -> None:
        """Hear all results, and say BYE."""
        while self.sent:
            await self._hear()
        if self._credit != self._window:
            raise Broken(f"{self._window - self._credit} octets of credit are lost")
        await self._send(BYE, b"")

    async def _send(self, kind: int, payload: bytes) -> None:
        await self.talk.send(_header(kind, payload) + payload)

    async def _hear(self) -> None:
        """One frame of the server's."""
        octets, kind, zeros = struct.unpack(">IB3s", await self._exactly(HEADER_OCTETS))
        if octets > PAYLOAD_OCTETS_MAX or zeros != b"\0\0\0" or (not self._window and kind not in (WELCOME, ERROR)):
            raise Broken(f"a frame of kind {kind} and {octets} octets")
        payload = await self._exactly(octets)
        if kind == WELCOME:
            _, _, self._window, _, self._batches_max = struct.unpack_from(">HIIHH", payload)
            self._credit = self._window
        elif kind == CREDIT:
            self._earn(*struct.unpack(">I", payload))
        elif kind == RESULTS:
            self._results(payload)
        elif kind == PING:
            await self._send(PONG, payload)
        elif kind == ERROR:
            code, self.unbegun = struct.unpack_from(">HI", payload)
            raise Gone(f"ERROR {code}: {payload[6:].decode('ascii', 'replace')}")
        else:
            raise Broken(f"a frame of kind {kind}")

    def _earn(self, octets: int) -> None:
        self._credit += octets
        if self._credit > self._window:
            raise Broken("more credit than the window")

    def _results(self, payload: bytes) -> None:
        number, credit, reply_count, message_count = struct.unpack_from(">IIHH", payload)
        at, replies = 12, list[str]()
        for _ in range(reply_count):
            code, enhanced, text = struct.unpack_from(">HBH", payload, at)
            words = payload[at + 5 : at + 5 + enhanced + text].decode()
            replies.append(f"{code} {words[:enhanced]} {words[enhanced:]}")
            at += 5 + enhanced + text
        results = []
        for _ in range(message_count):
            id_octets, reply, count = struct.unpack_from(">BHH", payload, at)
            at += 5
            each = struct.unpack_from(f">{count}H", payload, at + id_octets)
            results.append(
                Result(payload[at : at + id_octets].decode(), replies[reply], tuple(replies[n] for n in each))
            )
            at += id_octets + 2 * count
        if at != len(payload) or number not in self.sent:
            raise Broken(f"results of batch {number}")
        self._earn(credit)
        self._resolve(self.sent.pop(number), results)

    async def _exactly(self, octets: int) -> bytes:
        while len(self._held) < octets:
            self._held += await self.talk.some()
        taken, self._held = self._held[:octets], self._held[octets:]
        return taken


def _header(kind: int, payload: bytes) -> bytes:
    return struct.pack(">IB3x", len(payload), kind)
