"""Records sessions where ``Record_Sessions`` asks for it: bounded, masked, and written away from the sessions.

A session is written when it is over. A file that cannot be written to, or is full, is done with, which the paniclog
tells once; no session waits for a file or fails by it.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.listener.kind import Connection
from momentum_trio.listener.record_options import RecordOptions
from momentum_trio.log.destination import Destination
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Disk, FileFacts, Stat
from momentum_trio.mail.record import Level, Panic, Record, Rejected
from momentum_trio.protocol.rehearsal.notes import About, Notes
from momentum_trio.protocol.rehearsal.recording import LINE_OCTETS_MAX, encode

AT_ONCE_MAX = 64  # sessions taken down at the same time; others that begin meanwhile are not
FILES_MAX = 256  # files in one life of the host
WAITING_OCTETS_MAX = 8 * 1024 * 1024  # for the disk, in each file; more is not recorded
LAST_FLUSH_SECONDS = 5.0
MODE = 0o600  # envelopes are in it


class RecordingFile:
    """One file, and what it has taken in this life of the host.

    octets: its length, None while that is not known. has_failed: nothing more goes there. is_full: some bound of the
    options has been reached, and this was said.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.destination = Destination(path, MODE)
        self.began = trio.current_time()
        self.sessions = 0
        self.octets: int | None = None
        self.too_short = 0  # a length of the file that left no room for a recording
        self.has_failed = self.is_full = False
        self.waiting: list[tuple[bytes, int]] = []  # recordings, and the length that the file may then have
        self.waiting_octets = 0

    @property
    def has_work(self) -> bool:
        """Whether something waits for the disk, be it to know how long the file is."""
        return not self.has_failed and (self.octets is None or bool(self.waiting) or self.destination.waiting)

    def bound(self, options: RecordOptions) -> str:
        """Which bound of *options* keeps another session out; empty: none."""
        if trio.current_time() - self.began > options.seconds_max:
            return f"Record_Seconds = {options.seconds_max}"
        if self.sessions >= options.sessions_max:
            return f"Record_Sessions_Max = {options.sessions_max}"
        if max((self.octets or 0) + self.waiting_octets, self.too_short) >= options.octets_max:
            return f"Record_Octets_Max = {options.octets_max}"
        return ""

    def put(self, line: bytes, octets_max: int) -> None:
        """Let *line* wait for the disk, where there is room."""
        if self.has_failed or self.waiting_octets + len(line) > WAITING_OCTETS_MAX or len(line) > LINE_OCTETS_MAX:
            return
        self.waiting.append((line, octets_max))
        self.waiting_octets += len(line) + 1

    async def write(self, disk: Disk) -> None:
        """Bring what waits to the disk. Raises OSError."""
        if self.octets is None:
            self.octets = await _length(disk, self.path)
        waiting, self.waiting, self.waiting_octets = self.waiting, [], 0
        for line, octets_max in waiting:
            if self.octets + len(line) >= octets_max:
                self.too_short = octets_max
                continue
            self.destination.put(line.decode())
            self.octets += len(line) + 1
        await self.destination.flush(disk)  # which makes the file, even if nothing waits
        while self.destination.waiting:
            await self.destination.flush(disk)

    async def fail(self, disk: Disk) -> None:
        """Give the file up, and what waits."""
        self.has_failed = True
        await self.destination.close(disk)
        self.destination = Destination(self.path, MODE)
        self.waiting, self.waiting_octets = [], 0


class Recorder:
    """The recordings of one node. ``run`` writes them; until then they wait, within a bound."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._files: dict[str, RecordingFile] = {}
        self._open: dict[str, tuple[Notes, RecordingFile, int]] = {}  # by connection; the octets its file may have
        self._wake = trio.Event()

    def begin(self, connection: Connection, chain: Chain) -> Notes | None:
        """The notes to be taken of *connection*, whose options are *chain*'s; None: it is not recorded."""
        options = RecordOptions.resolve(chain)
        if not options.path or len(self._open) >= AT_ONCE_MAX:
            return None
        file = self._file(options)
        if file is None:
            return None
        if not self._open:
            self._machine.events.subscribe(self.take)
        who = about(connection, self._machine)
        notes = Notes(who, since_now(), keep_content=options.content)
        file.sessions += 1
        self._open[connection.connection_id] = (notes, file, options.octets_max)
        return notes

    def end(self, connection: Connection, notes: Notes) -> None:
        """*connection*, of which *notes* were taken, is over: they go to their file."""
        _, file, octets_max = self._open.pop(connection.connection_id)
        if not self._open:
            self._machine.events.unsubscribe(self.take)
        file.put(encode(notes.recording(connection.why)), octets_max)
        self._wake.set()

    def take(self, record: Record) -> None:
        """Who decided on a refusal; a subscriber of the machine's events while some session is taken down."""
        if isinstance(record, Rejected) and record.connection_id in self._open:
            self._open[record.connection_id][0].judged(record.code, record.text, record.module)

    async def run(self) -> None:
        """Write what is over, until cancelled; then what waits, within LAST_FLUSH_SECONDS."""
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                await self._write()
        finally:
            with trio.move_on_after(LAST_FLUSH_SECONDS, shield=True):
                await self._write()
                for file in self._files.values():
                    await file.destination.close(self._machine.disk)

    def _file(self, options: RecordOptions) -> RecordingFile | None:
        """The file for one session more; None when it takes none."""
        file = self._files.get(options.path)
        if file is None:
            if len(self._files) >= FILES_MAX:
                return None
            file = self._files[options.path] = RecordingFile(options.path)
            self._wake.set()  # whether it can be had, and how long it is, is known soon
        if file.has_failed:
            return None
        bound = file.bound(options)
        if bound and not file.is_full:
            self._say(Level.NOTICE, f"recording {file.path}: no more sessions, {bound} is reached")
        file.is_full = bool(bound)
        return None if bound else file

    async def _write(self) -> None:
        disk = self._machine.disk
        for file in tuple(self._files.values()):
            if not file.has_work:
                continue
            try:
                await file.write(disk)
            except OSError as fault:
                await file.fail(disk)
                self._say(Level.ERROR, f"recording {file.path}: no more sessions: {fault.strerror or fault}")

    def _say(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, text))


async def _length(disk: Disk, path: str) -> int:
    try:
        facts: FileFacts = (await disk.perform([Stat(path)]))[0]
    except FileNotFoundError:
        return 0
    return facts.size


def about(connection: Connection, machine: Machine) -> About:
    """What is known of *connection*, which begins now on *machine*."""
    return About(
        began=machine.clock.now(),
        host=machine.process.hostname,
        listener=connection.listener,
        listen=_printable(str(connection.listen)),
        peer_address=str(connection.peer_address),
        peer=connection.peer,
        local=_printable(connection.local),
        unix=connection.is_unix,
    )


def _printable(path: str) -> str:
    """*path*, of which some octets may be no UTF-8."""
    return path.encode("utf-8", "backslashreplace").decode()


def since_now() -> Callable[[], float]:
    """A clock that shows the seconds since this call."""
    began = trio.current_time()
    return lambda: round(trio.current_time() - began, 6)
