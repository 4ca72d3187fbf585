"""Where mail comes from: an SMTP client of the simulator's own, as stubborn as RFC 5321 section 4.5.4 asks.

It shares no protocol code with the product, since its word is what the product is judged by. What it was told it keeps
outside the simulated process (``Sender``), so that a killed client still gives evidence.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address

import trio

from momentum_trio.machine import Machine

from .evidence import Attempt, Breach, Told
from .letter import content_of
from .scenario import Leaving, Mail

CONNECT_SECONDS = 20.0
REPLY_SECONDS = 60.0  # silence after which a client believes that nobody is there
PAUSE_FIRST_SECONDS, PAUSE_MAX_SECONDS = 1.0, 20.0  # between two rounds; each is twice the one before
RECEIVE_OCTETS, REPLY_OCTETS_MAX = 4096, 65536
SAID_MAX = 200  # of a reply, in the evidence
NOBODY = "nobody answered"
LEFT = "the client left"
_ENVELOPE_ID = re.compile(r"[!-*,-<>-~]{1,100}")  # RFC 3461 section 4.4, nothing of it encoded
DATA = "DATA"
END = b".\r\n"  # of a content, after its last line
LEAVES_AFTER_MS = 8  # at most, the end of the content, where it leaves before the answer: some syncs of a disk


class Gone(Exception):
    """The server is not there any more, or speaks no SMTP."""


class FellSilent(Gone):
    """The client says nothing more, but does not go."""


@dataclass(slots=True)
class Owed:
    """A mail not answered for good yet.

    left: forward-paths not settled; content_sent: its end was handed over; leaves: where the next attempt ends.
    """

    mail: Mail
    left: list[str]
    began: float = 0.0
    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    under_way: bool = False
    content_sent: bool = False
    leaves: Leaving = Leaving.NEVER
    notifies: bool = False  # what its mail asks for was said in this attempt


@dataclass(frozen=True, slots=True)
class Target:
    """Where a session goes. host: the name of the simulated host that has the address, or empty."""

    address: str
    port: int
    host: str = ""


class Sender:
    """One session of mails of one client, through as many connections as it takes.

    note: told each attempt when it ends. now: virtual seconds since the load began.
    target: where it goes. pipelining: commands are sent together where the server offers it.
    breaches: what servers did against the protocol. source: the host it comes from. began: the time of its first mail.
    """

    def __init__(
        self,
        mails: Sequence[Mail],
        target: Target,
        note: Callable[[Attempt], object],
        now: Callable[[], float],
        *,
        pipelining: bool = False,
    ) -> None:
        self.owed = [Owed(mail, list(mail.forward_paths), leaves=mail.leaves) for mail in mails]
        self.breaches: list[Breach] = []
        self.source, self.began = mails[0].source, mails[0].at_seconds
        self._tell = note
        self.target = target
        self._now = now
        self._pipelining = pipelining
        self._address = self._from = mails[0].source_address
        self._connected = 0.0

    @property
    def done(self) -> bool:
        """Whether every mail was answered for good."""
        return not self.owed

    async def run(self, machine: Machine) -> None:
        """Send until every mail is answered for good. Cancellation, death: ``break_off`` says what is known."""
        async with trio.open_nursery() as silent:
            await self._send_all(silent)

    async def _send_all(self, silent: trio.Nursery) -> None:
        pause = PAUSE_FIRST_SECONDS
        while self.owed:
            await self._until(self.owed[0].mail.at_seconds)
            before = len(self.owed)
            await self._round(silent)
            if len(self.owed) < before:
                pause = PAUSE_FIRST_SECONDS
            elif self.owed:
                await trio.sleep(pause)
                pause = min(pause * 2, PAUSE_MAX_SECONDS)

    def break_off(self) -> None:
        """The client is gone: what was under way has an unknown outcome, or none."""
        for owed in list(self.owed):
            self._give_up(owed, "the client is gone")

    async def _until(self, seconds: float) -> None:
        if (left := seconds - self._now()) > 0:
            await trio.sleep(left)

    # -- one connection

    async def _round(self, silent: trio.Nursery) -> None:
        """Try every mail that is owed once, over one connection; where that falls silent, it stays in *silent*."""
        current: Owed | None = self.owed[0]
        assert current is not None
        self._connected = self._now()
        self._begin(current)  # that nobody is there is an attempt too
        try:
            with trio.CancelScope() as silence, ExitStack() as opened:
                socket = opened.enter_context(trio.socket.socket(family(self.target.address)))
                talk = Conversation(socket, silence)
                await self._connect(socket, talk)
                extensions = await _greet(talk)
                for current in list(self.owed):
                    talk.patient_for(math.inf)
                    await self._until(current.mail.at_seconds)
                    self._begin(current)
                    try:
                        await self._transaction(talk, current, extensions)
                    except FellSilent:
                        silent.start_soon(say_nothing, socket, opened.pop_all())
                        raise
                current = None
                await talk.ask("QUIT")
        except (OSError, Gone) as fault:
            self._give_up(current, str(fault))
        else:
            if silence.cancelled_caught:
                self._give_up(current, NOBODY)

    def _give_up(self, owed: Owed | None, why: str) -> None:
        """The connection is of no use any more."""
        if owed is not None and owed.under_way:
            self._note(owed, Told.UNKNOWN if owed.content_sent else Told.DEFERRED, why[:SAID_MAX])

    def _begin(self, owed: Owed) -> None:
        if not owed.under_way:
            owed.began = self._now()
            owed.under_way, owed.content_sent, owed.notifies = True, False, False
            owed.accepted = owed.refused = ()

    async def _connect(self, socket: trio.socket.SocketType, talk: Conversation) -> None:
        if self._address:
            await socket.bind((self._address, 0))
        talk.patient_for(CONNECT_SECONDS)
        await socket.connect((self.target.address, self.target.port))
        self._from = socket.getsockname()[0]

    async def _transaction(self, talk: Conversation, owed: Owed, extensions: Sequence[str]) -> None:
        """One mail transaction. Raises Gone or OSError when the connection is of no use any more."""
        pipelining = self._pipelining and "PIPELINING" in extensions
        chunking = bool(owed.mail.chunks) and "CHUNKING" in extensions
        owed.notifies = notifies = "DSN" in extensions
        wish = f" NOTIFY={owed.mail.notify}" if notifies and owed.mail.notify else ""
        named = f" ENVID={owed.mail.name}" if notifies and _ENVELOPE_ID.fullmatch(owed.mail.name) else ""
        mail = f"MAIL FROM:<{owed.mail.reverse_path}>{named}"
        lines = [mail, *(f"RCPT TO:<{path}>{wish}" for path in owed.left), *(() if chunking else (DATA,))]
        replies = await talk.ask_all(lines) if pipelining else await talk.ask_each(lines)
        answers = list(zip(owed.left, replies[1:], strict=False)) if replies[0].startswith("2") else []
        owed.accepted = tuple(path for path, reply in answers if reply.startswith("2"))
        owed.refused = tuple((path, reply) for path, reply in answers if reply.startswith("5"))
        if chunking and owed.accepted and not replies[-1].startswith("421"):
            replies.append(await self._content(talk, owed, chunked(owed.mail), pipelining))
        elif answers and replies[-1].startswith("354"):
            if not owed.accepted:  # a pipelining server that took DATA with no recipient: RFC 2920 section 3.1
                await talk.say("\r\n.")
                await talk.reply()
            else:
                replies.append(await self._content(talk, owed, [_stuffed(owed.mail)], pipelining))
        decisive = replies[-1]
        if not owed.accepted:
            decisive = (owed.refused or answers or [("", replies[0])])[-1][1]
        self._judge(owed, decisive)
        if replies[-1].startswith("421") or decisive.startswith("421"):
            raise Gone(replies[-1])
        if not replies[-1].startswith("2"):
            await talk.ask("RSET")

    async def _content(self, talk: Conversation, owed: Owed, parts: Sequence[bytes], pipelining: bool) -> str:
        """Send *parts*, each of which is answered; the answer that decides."""
        octets = b"".join(parts)
        leaves, owed.leaves = owed.leaves, Leaving.NEVER
        if leaves is Leaving.CONTENT:
            await talk.send(octets[: len(octets) // 2])
            raise Gone(LEFT)
        if leaves is Leaving.SILENCE:
            await talk.send(octets[: -len(END)])
            raise FellSilent(LEFT)
        if leaves is Leaving.ANSWER or pipelining:
            await talk.send(octets)
            owed.content_sent = True
        if leaves is Leaving.ANSWER:
            await trio.sleep((1 + owed.mail.octets % LEAVES_AFTER_MS) / 1000)
            talk.reset()
            raise Gone(LEFT)
        return await (talk.decisive(len(parts)) if pipelining else self._one_by_one(talk, owed, parts))

    async def _one_by_one(self, talk: Conversation, owed: Owed, parts: Sequence[bytes]) -> str:
        """Send *parts*, no further than the first that is not taken; the answer to the last that was sent."""
        for part in parts[:-1]:
            await talk.send(part)
            if not (reply := await talk.reply()).startswith("2"):
                return reply
        await talk.send(parts[-1])
        owed.content_sent = True
        return await talk.reply()

    def _judge(self, owed: Owed, reply: str) -> None:
        """Note how an attempt ended and what of it is left."""
        settled = {path for path, _ in owed.refused}
        if reply.startswith("5") or (owed.content_sent and reply.startswith("2")):
            settled.update(owed.accepted)
        if reply.startswith("5") and not owed.accepted and not owed.refused:  # MAIL itself
            settled.update(owed.left)
        kinds = {"2": Told.ACCEPTED, "5": Told.REFUSED}
        owed.left = [path for path in owed.left if path not in settled]
        self._note(owed, kinds.get(reply[:1], Told.DEFERRED), reply[:SAID_MAX])

    def _judge_each(self, owed: Owed, reply: str) -> None:
        """The same where the server has said of each recipient what it did; *reply* is for all of them."""
        settled = {*owed.accepted, *(path for path, _ in owed.refused)}
        owed.left = [path for path in owed.left if path not in settled]
        told = Told.ACCEPTED if owed.accepted else {"5": Told.REFUSED}.get(reply[:1], Told.DEFERRED)
        self._note(owed, told, reply[:SAID_MAX])

    def _note(self, owed: Owed, told: Told, reply: str) -> None:
        attempt = Attempt(
            owed.mail,
            owed.began,
            self._now(),
            told,
            reply,
            self._from,
            self.target.host,
            owed.accepted,
            owed.refused,
            owed.mail.notify if owed.notifies else "",
            self._connected,
        )
        self._tell(attempt)
        owed.under_way = owed.content_sent = False
        if not owed.left:
            self.owed.remove(owed)


class Conversation:
    """Lines out, replies in. Raises Gone, OSError.

    silence: a cancel scope around it all, cancelled where a send or a reply takes more than REPLY_SECONDS.
    """

    def __init__(self, socket: trio.socket.SocketType, silence: trio.CancelScope) -> None:
        self._socket = socket
        self._silence = silence
        self._buffer = b""

    def patient_for(self, seconds: float) -> None:
        """What is done next may take that long."""
        self._silence.deadline = trio.current_time() + seconds

    async def send(self, octets: bytes) -> None:
        """Hand over all of *octets*."""
        self.patient_for(REPLY_SECONDS)
        with memoryview(octets) as view:
            sent = 0
            while sent < len(view):
                sent += await self._socket.send(view[sent:])

    def reset(self) -> None:
        """Have the connection end with a reset when it is closed."""
        self._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def say(self, line: str) -> None:
        """Send one line and wait for no answer."""
        await self.send(line.encode() + b"\r\n")

    async def ask(self, line: str) -> str:
        """Send one line; its reply."""
        await self.say(line)
        return await self.reply()

    async def ask_each(self, lines: Sequence[str]) -> list[str]:
        """One after the other; ends at the refusal of the first, and before DATA when all between were refused."""
        replies = [await self.ask(lines[0])]
        for line in lines[1:]:
            if not replies[0].startswith("2") or replies[-1].startswith("421"):
                break
            if line == DATA and not any(reply.startswith("2") for reply in replies[1:]):
                break
            replies.append(await self.ask(line))
        return replies

    async def ask_all(self, lines: Sequence[str]) -> list[str]:
        """All in one send (RFC 2920); the reply to each, up to one that ends the session."""
        await self.send("".join(f"{line}\r\n" for line in lines).encode())
        replies: list[str] = []
        while len(replies) < len(lines) and not (replies and replies[-1].startswith("421")):
            replies.append(await self.reply())
        return replies

    async def decisive(self, count: int) -> str:
        """Of *count* replies the first that is none of success, or the last. All are read, up to one that ends it."""
        found = "2"
        for _ in range(count):
            reply = await self.reply()
            if found.startswith("2"):
                found = reply
            if reply.startswith("421"):
                break
        return found

    async def reply(self) -> str:
        """One reply, its lines joined by newlines."""
        lines: list[str] = []
        self.patient_for(REPLY_SECONDS)
        while True:
            line, end, rest = self._buffer.partition(b"\r\n")
            if not end:
                await self._receive()
                continue
            self._buffer = rest
            lines.append(line.decode("utf-8", "replace"))
            if not (line[:3].isdigit() and line[3:4] in (b" ", b"-", b"")):
                raise Gone(f"no reply of SMTP: {lines[-1]!r}")
            if line[3:4] != b"-":
                return "\n".join(lines)

    async def _receive(self) -> None:
        self._buffer += await self._some()
        if len(self._buffer) > REPLY_OCTETS_MAX:
            raise Gone("a reply without end")

    async def some(self) -> bytes:
        """What comes next, where it is no reply."""
        self.patient_for(REPLY_SECONDS)
        return await self._some()

    async def _some(self) -> bytes:
        octets = await self._socket.recv(RECEIVE_OCTETS)
        if not octets:
            raise Gone("the server closed the connection")
        return octets


async def _greet(talk: Conversation) -> tuple[str, ...]:
    """Greeting and EHLO; the extensions offered."""
    if not (greeting := await talk.reply()).startswith("220"):
        raise Gone(greeting)
    if not (hello := await talk.ask("EHLO client.example")).startswith("250"):
        raise Gone(hello)
    return tuple(line[4:].partition(" ")[0].upper() for line in hello.split("\n")[1:])


def chunked(mail: Mail) -> list[bytes]:
    """As it goes over the wire by BDAT (RFC 3030): each chunk behind its command, and what is left in the last one."""
    left, parts = content_of(mail), list[bytes]()
    for size in mail.chunks:
        chunk, left = left[:size], left[size:]
        parts.append(b"BDAT %d\r\n%s" % (len(chunk), chunk))
    return [*parts, b"BDAT %d LAST\r\n%s" % (len(left), left)]


def _stuffed(mail: Mail) -> bytes:
    """As it goes over the wire, its end included. No content begins with a dot."""
    return content_of(mail).replace(b"\r\n.", b"\r\n..") + END


async def say_nothing(socket: trio.socket.SocketType, opened: ExitStack) -> None:
    """Until the server ends the connection, which is closed then with all that is *opened*."""
    with opened:
        try:
            while await socket.recv(RECEIVE_OCTETS):
                pass
        except OSError:
            pass


def family(address: str) -> int:
    """Of the socket to reach *address*."""
    return trio.socket.AF_INET6 if ip_address(address).version == 6 else trio.socket.AF_INET
