"""One connection to a sink: SMTP or LMTP as its plan says, line by line, and what it does instead.

It shares no protocol code with the product. What was not offered is not known, and answered with 5yz.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from .heard import Heard
from .letter import name_in
from .scenario import Behaviour, Turn, Way

if TYPE_CHECKING:
    from .sink import Sink

SILENCE_SECONDS = 300.0
RECEIVE_OCTETS = 65536
LINE_OCTETS_MAX = 4096  # RFC 5321 section 4.5.3.1.4 has 512, extensions add to it
CONTENT_OCTETS_MAX = 50_000_000
FAILED = "451 4.3.0 transaction failed"

_PATH = re.compile(r"(?i)(FROM|TO):<([^>]*)>((?: \S+)*)\s*\Z")
_PARAMETERS = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN"} | {
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
}
"""The parameters of MAIL and RCPT, and the extension each belongs to."""


class Over(Exception):
    """The session is over."""


@dataclass(slots=True)
class Letter:
    """The mail transaction of a session. parameters: what MAIL came with; of each forward-path, what its RCPT did."""

    reverse_path: str | None = None
    parameters: str = ""
    forward_paths: dict[str, str] = field(default_factory=dict)
    octets: bytearray = field(default_factory=bytearray)

    def kept(self, paths: Sequence[str]) -> bytes:
        """As it is kept for *paths*."""
        lines = [*(f"<{path}>\n" for path in paths), "\n", f"Return-Path: <{self.reverse_path or ''}>\n"]
        return "".join(lines).encode() + bytes(self.octets)


class Session:
    """One connection."""

    def __init__(self, sink: Sink, socket: trio.socket.SocketType) -> None:
        self._sink, self._plan, self._socket = sink, sink.plan, socket
        self._stream: trio.abc.Stream = trio.SocketStream(socket)
        self._name = sink.machine.process.hostname
        self._peer, self._local = _shown(socket.getpeername()), _shown(socket.getsockname())
        self._in, self._out = bytearray(), bytearray()
        self._letter = Letter()
        self._mails = 0
        self._greeted = self._secure = False

    async def run(self) -> None:
        """Converse until it is over. Raises Over, OSError, trio.TooSlowError."""
        await self._turn(Turn.CONNECT, f"220 {self._name} sink")
        while True:
            verb, _, rest = (await self._line()).partition(" ")
            await self._command(verb.upper(), rest)

    async def _command(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "HELO" | "LHLO" if (verb == "LHLO") is self._plan.lmtp:
                await self._hello(verb)
            case "MAIL" | "RCPT" if path := _PATH.match(rest):
                await (self._mail(path) if verb == "MAIL" else self._rcpt(path))
            case "DATA" if not rest:
                await self._data()
            case "BDAT" if "CHUNKING" in self._plan.offers:
                await self._bdat(rest)
            case "RSET" | "NOOP":
                self._letter = self._letter if verb == "NOOP" else Letter()
                self._say("250 2.0.0 OK")
            case "STARTTLS" if self._sink.context is not None and not self._secure:
                await self._starttls()
            case "QUIT":
                self._say("221 2.0.0 bye")
                await self._flush()
                raise Over
            case "MAIL" | "RCPT" | "DATA":
                self._say("501 5.5.4 syntax error")
            case _:
                self._say("500 5.5.2 unknown command")

    async def _hello(self, verb: str) -> None:
        self._letter = Letter()
        offers = [word for word in self._plan.offers if word != "STARTTLS" or not self._secure]
        lines = [self._name] if verb == "HELO" else [self._name, *offers]
        said = "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)
        self._greeted = await self._turn(Turn.EHLO, said)

    async def _starttls(self) -> None:
        assert self._sink.context is not None
        self._say("220 2.0.0 go ahead")
        await self._flush()
        if self._in:
            raise Over  # commands before the handshake are nobody's (CVE-2011-0411)
        self._stream = stream = trio.SSLStream(
            trio.SocketStream(self._socket), self._sink.context, server_side=True, https_compatible=True
        )
        with trio.fail_after(SILENCE_SECONDS):
            await stream.do_handshake()
        self._secure, self._greeted, self._letter = True, False, Letter()

    async def _mail(self, path: re.Match[str]) -> None:
        if path[1].upper() != "FROM" or not self._greeted or self._letter.reverse_path is not None:
            self._say("503 5.5.1 bad sequence of commands")
        elif unknown := self._unknown(path[3]):
            self._say(f"555 5.5.4 {unknown} was not offered")
        elif await self._turn(Turn.MAIL, "250 2.1.0 OK", path[2]):
            self._letter = Letter(path[2], path[3].strip())

    async def _rcpt(self, path: re.Match[str]) -> None:
        sender = self._letter.reverse_path
        if path[1].upper() != "TO" or sender is None:
            self._say("503 5.5.1 bad sequence of commands")
        elif unknown := self._unknown(path[3]):
            self._say(f"555 5.5.4 {unknown} was not offered")
        elif await self._turn(Turn.RCPT, "250 2.1.5 OK", sender, (path[2],), path[3].strip()):
            self._letter.forward_paths[path[2]] = path[3].strip()

    def _unknown(self, parameters: str) -> str:
        """The first of *parameters* that belongs to nothing that was offered."""
        for word in parameters.split():
            keyword = word.partition("=")[0].upper()
            if _PARAMETERS.get(keyword, "") not in self._plan.offers:
                return keyword
        return ""

    # content

    async def _data(self) -> None:
        letter = self._letter
        if not letter.forward_paths or letter.octets:
            self._say("503 5.5.1 bad sequence of commands")
            return
        if not await self._turn(Turn.DATA, "354 go ahead", letter.reverse_path or "", tuple(letter.forward_paths)):
            return
        while (line := await self._raw_line()) != b".\r\n":
            letter.octets += line[1:] if line.startswith(b".") else line
            if len(letter.octets) > CONTENT_OCTETS_MAX:
                raise Over
        await self._end()

    async def _bdat(self, rest: str) -> None:
        size, _, last = rest.partition(" ")
        if not size.isdigit() or int(size) > CONTENT_OCTETS_MAX or last.upper() not in ("", "LAST"):
            self._say("501 5.5.4 syntax error")
            raise Over
        octets = await self._octets(int(size))
        if not self._letter.forward_paths:
            self._say("503 5.5.1 bad sequence of commands")
            return
        self._letter.octets += octets
        if last:
            await self._end()
        else:
            self._say(f"250 2.0.0 {size} octets")

    async def _end(self) -> None:
        """All of a content is there: refuse it or keep it, as SMTP for all, as LMTP for each recipient in order."""
        letter, self._letter = self._letter, Letter()
        self._mails += 1
        paths = tuple(letter.forward_paths)
        groups = [(path,) for path in paths] if self._plan.lmtp else [paths]
        said, before = dict[tuple[str, ...], bytearray](), self._out
        for group in groups:
            self._out = bytearray()
            taken = await self._takes(letter, group)
            said[group] = self._out
            assert taken != bool(self._out)
        await self._keep(letter, said)
        self._out = before + b"".join(said.values())

    async def _keep(self, letter: Letter, said: dict[tuple[str, ...], bytearray]) -> None:
        """Keep *letter* for those recipients to whom nothing is *said* yet, and say so."""
        taken = [group for group in said if not said[group]]
        try:
            place = await self._sink.keep(letter.kept([path for group in taken for path in group])) if taken else ""
        except OSError:
            for group in taken:
                said[group] += FAILED.encode() + b"\r\n"
                self._tell(Turn.CONTENT, FAILED, letter, group)
            return
        for group in taken:
            self._out = said[group]
            usual = f"250 2.0.0 OK {place.rpartition('/')[2]}"
            await self._turn(Turn.STORED, usual, "", group, letter=letter, at=place)

    async def _takes(self, letter: Letter, group: tuple[str, ...]) -> bool:
        """Whether nothing is said against *letter* for *group*."""
        if not letter.octets.isascii() and "BODY=8BITMIME" not in letter.parameters.upper():
            self._say("554 5.6.3 eight bits, and nobody said so")
            self._tell(Turn.CONTENT, "554 5.6.3 eight bits, and nobody said so", letter, group)
            return False
        return await self._turn(Turn.CONTENT, "", letter.reverse_path or "", group, letter=letter)

    # behaviours

    async def _turn(
        self,
        turn: Turn,
        usual: str,
        sender: str = "",
        recipients: tuple[str, ...] = (),
        parameters: str = "",
        *,
        letter: Letter | None = None,
        at: str = "",
    ) -> bool:
        """Answer as ever or as a behaviour says; whether that is no refusal. usual: empty where nothing is said yet."""
        sender = sender if letter is None else letter.reverse_path or ""
        behaviour = self._sink.behaviour(turn, sender, recipients, self._mails)
        reply = usual
        if behaviour is not None:
            await self._act(behaviour, lambda: self._tell_of(turn, "", letter, sender, recipients, parameters, at))
            reply = behaviour.reply or usual
        self._tell_of(turn, reply, letter, sender, recipients, parameters, at)
        if reply:
            self._say(reply)
        if reply.startswith("421") or (turn is Turn.CONNECT and reply[:1] != "2"):
            await self._flush()
            raise Over
        return not reply or reply[0] in "23"

    async def _act(self, behaviour: Behaviour, tell: Callable[[], object]) -> None:
        """Wait, and leave where *behaviour* says so: then *tell* is called, and Over raised."""
        if behaviour.after_seconds:
            await self._flush()
            await trio.sleep(behaviour.after_seconds)
        if behaviour.way is Way.ANSWER:
            return
        tell()
        if behaviour.way is Way.SILENCE:
            while await self._stream.receive_some(RECEIVE_OCTETS):
                pass
        elif behaviour.way is Way.RESET:
            self._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Over

    def _tell_of(
        self,
        turn: Turn,
        reply: str,
        letter: Letter | None,
        sender: str,
        recipients: tuple[str, ...],
        parameters: str,
        place: str,
    ) -> None:
        if letter is None:
            self._note(turn, reply, sender, recipients[0] if turn is Turn.RCPT else "", parameters)
        elif reply or place or turn is Turn.STORED:
            self._tell(turn, reply, letter, recipients, place)

    def _tell(self, turn: Turn, reply: str, letter: Letter, group: tuple[str, ...], place: str = "") -> None:
        name = name_in(bytes(letter.octets)) or ""
        for path in group:
            parameters = letter.forward_paths[path]
            self._note(turn, reply, letter.reverse_path or "", path, parameters, name, place)

    def _note(
        self,
        turn: Turn,
        reply: str,
        sender: str,
        path: str = "",
        parameters: str = "",
        mail: str = "",
        place: str = "",
    ) -> None:
        at = trio.current_time()
        self._sink.note(
            Heard(self._name, at, turn, self._peer, self._local, reply, sender, path, parameters, mail, place)
        )

    # octets

    def _say(self, reply: str) -> None:
        self._out += reply.encode() + b"\r\n"

    async def _flush(self) -> None:
        if self._out:
            octets, self._out = bytes(self._out), bytearray()
            with trio.fail_after(SILENCE_SECONDS):
                await self._stream.send_all(octets)

    async def _receive(self) -> None:
        """More octets; before that all that was said goes out. Raises Over at the end."""
        await self._flush()
        with trio.fail_after(SILENCE_SECONDS):
            octets = await self._stream.receive_some(RECEIVE_OCTETS)
        if not octets:
            raise Over
        self._in += octets

    async def _line(self) -> str:
        line = await self._raw_line(LINE_OCTETS_MAX)
        return line.decode("utf-8", "replace").rstrip("\r\n ")

    async def _raw_line(self, octets_max: int = CONTENT_OCTETS_MAX) -> bytes:
        looked = 0
        while (end := self._in.find(b"\r\n", looked)) < 0:
            looked = max(0, len(self._in) - 1)
            if looked > octets_max:
                raise Over
            await self._receive()
        line = bytes(self._in[: end + 2])
        del self._in[: end + 2]
        return line

    async def _octets(self, count: int) -> bytes:
        while len(self._in) < count:
            await self._receive()
        octets = bytes(self._in[:count])
        del self._in[:count]
        return octets


def _shown(address: tuple[object, ...]) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in str(address[0]) else f"{address[0]}:{address[1]}"
