"""Where mail ends up: an SMTP or LMTP server of the simulator's own that keeps every message it accepts, durably.

A message is one file below ``FOLDER``: a line ``<forward-path>`` for each RCPT, an empty line, the Return-Path of final
delivery, the content as it came. It is synced, and its name too, before the server says 250. A ``Behaviour`` of its
plan makes it refuse, wait, leave, or lose its answer. What it did not offer it does not know, and says so with 5yz.

It shares no protocol code with the product, since what it heard is what the product's records are judged by. That it
tells ``note``, outside of the simulated process, so that a killed sink still gives evidence.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import count

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Close,
    Create,
    File,
    MakeDirectory,
    Rename,
    Sync,
    SyncDirectory,
    Unlink,
    Write,
)
from momentum_trio.net.tls_terms import TlsTerms

from .heard import Heard, Note
from .scenario import Behaviour, SinkPlan, Turn
from .sink_session import Over, Session

FOLDER, UNFINISHED = "/var/sink/new", "/var/sink/tmp"
CERTIFICATE, KEY = "/etc/sink/certificate.pem", "/etc/sink/key.pem"
DESCRIPTORS = 65_536  # it may stand for the servers of a thousand domains
ACCEPT_PAUSE_SECONDS = 1.0  # when there is no descriptor for a connection
TIMES_MAX = 200_000  # occasions of a behaviour that are counted; later ones are not its any more
BOOT_STEPS = [
    *(MakeDirectory(place, 0o755) for place in (FOLDER, UNFINISHED)),
    *(SyncDirectory(place) for place in ("/", "/var", "/var/sink")),
]


def _nothing(heard: Heard) -> None:
    """Nobody wants to know."""


async def run_sink(
    machine: Machine,
    plan: SinkPlan | None = None,
    note: Note = _nothing,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept mail on the ports of *plan*, at every address, until cancelled.

    started: the sockets are bound. Raises OSError of the disk; where STARTTLS is offered, of CERTIFICATE and KEY.
    """
    plan = SinkPlan() if plan is None else plan
    machine.process.raise_descriptors_max(DESCRIPTORS)
    await machine.disk.perform(BOOT_STEPS)
    context = None
    if "STARTTLS" in plan.offers:
        assert machine.tls is not None
        context = await machine.tls.server_context(TlsTerms(CERTIFICATE, KEY))
    sink = Sink(machine, plan, note, context)
    async with trio.open_nursery() as nursery:
        for port in plan.ports:
            for family, address in ((trio.socket.AF_INET, "0.0.0.0"), (trio.socket.AF_INET6, "::")):
                nursery.start_soon(sink.accept, nursery, await _listen(family, address, port, plan.backlog))
        task_status.started()


class Sink:
    """One life of a sink."""

    def __init__(self, machine: Machine, plan: SinkPlan, note: Note, context: ssl.SSLContext | None) -> None:
        self.machine = machine
        self.plan = plan
        self.note = note
        self.context = context
        self._names = (f"{machine.process.pid}-{number}" for number in count(1))
        self._met: Counter[tuple[str, str, str]] = Counter()  # behaviour, sender, recipient

    async def accept(self, nursery: trio.Nursery, listening: trio.socket.SocketType) -> None:
        """Accept on one socket for ever."""
        with listening:
            while True:
                try:
                    socket, _ = await listening.accept()
                except OSError:
                    await trio.sleep(ACCEPT_PAUSE_SECONDS)
                    continue
                nursery.start_soon(self._session, socket)

    async def _session(self, socket: trio.socket.SocketType) -> None:
        with socket:
            try:
                await Session(self, socket).run()
            except (OSError, trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError, Over):
                return  # the client will come again

    def behaviour(self, turn: Turn, sender: str, recipients: Sequence[str], mails: int) -> Behaviour | None:
        """The first that applies."""
        for behaviour in self.plan.behaviours:
            if behaviour.turn is turn and mails >= behaviour.mails and self._applies(behaviour, sender, recipients):
                return behaviour
        return None

    def _applies(self, behaviour: Behaviour, sender: str, recipients: Sequence[str]) -> bool:
        meant = [path for path in recipients if not behaviour.recipients or _is_one(path, behaviour.recipients)]
        if (behaviour.recipients or recipients) and not meant:
            return False
        if behaviour.share < 1.0 and self.machine.entropy.fraction() >= behaviour.share:
            return False
        if behaviour.times:
            key = (behaviour.name, sender, meant[0] if meant else "")
            if self._met[key] >= behaviour.times or len(self._met) >= TIMES_MAX:
                return False
            self._met[key] += 1
        return True

    async def keep(self, octets: bytes) -> str:
        """Store one message durably; where. After an OSError nothing of it is left, as far as the disk lets us."""
        name, disk = next(self._names), self.machine.disk
        file, place = File(f"{UNFINISHED}/{name}"), f"{FOLDER}/{name}"
        try:
            await disk.perform([Create(file, 0o600), Write(file, 0, [octets]), Sync(file), Close(file)])
            await disk.perform([Rename(file.path, place), SyncDirectory(FOLDER)])
        except OSError:
            try:
                await disk.perform([Close(file), *(Unlink(path, missing_ok=True) for path in (file.path, place))])
            except OSError:
                pass  # it may appear: the client was told 451 and may send it twice
            raise
        return place


def kept(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """What a file of the sink holds: each forward-path, with the content. Nothing for one that is not whole."""
    head, end, content = octets.partition(b"\n\n")
    if end:
        for line in head.split(b"\n"):
            yield line.decode().removeprefix("<").removesuffix(">"), content


def _is_one(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path.lower(), pattern.lower()) for pattern in patterns)


async def _listen(family: int, address: str, port: int, backlog: int) -> trio.socket.SocketType:
    socket = trio.socket.socket(family)
    socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
    if family == trio.socket.AF_INET6:
        socket.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 1)
    await socket.bind((address, port))
    socket.listen(backlog)
    return socket
