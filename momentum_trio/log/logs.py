"""The logs of a node: subscribes to the machine's events and writes what the ``ec_logger`` scopes ask for.

Formatting happens at once, in the publisher's step; the lines are appended by one task, in batches, every
FLUSH_SECONDS or when FLUSH_OCTETS wait. A disk that fails may cost log lines, which is counted and said, never the
node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from momentum_trio.config.log_place import LogPlace
from momentum_trio.log import acctlog, bouncelog, httplog, importlog, jsonlines, mainlog, paniclog, rejectlog
from momentum_trio.log.destination import Destination
from momentum_trio.log.jlog_destination import JlogDestination
from momentum_trio.log.jlogs import Jlogs
from momentum_trio.log.log_options import BounceLoggerOptions, HttpLoggerOptions, LoggerOptions
from momentum_trio.machine import Machine
from momentum_trio.mail.record import (
    Authenticated,
    Authorized,
    Delivered,
    Failed,
    Imported,
    Level,
    Panic,
    Received,
    Reconfigured,
    Record,
    Rejected,
    Requested,
    Transferred,
)

FLUSH_SECONDS = 0.05
FLUSH_OCTETS = 256 * 1024
RETRY_SECONDS = 1.0
LAST_FLUSH_SECONDS = 5.0
SAID_ALOUD = paniclog.WEIGHT[Level.NOTICE]

Say = Callable[[str], None]
AnyLoggerOptions = LoggerOptions | BounceLoggerOptions | HttpLoggerOptions
Read = Callable[[], Sequence[AnyLoggerOptions]]
Writer = Callable[[Record], None]
AnyDestination = Destination | JlogDestination
DURABLE = "cluster://"
"""Before the path of a durable log: a file may have the same."""


async def run_logs(
    machine: Machine,
    read: Read,
    say: Say = lambda line: None,
    task_status: trio.TaskStatus[Logs] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Write the logs until cancelled; then write what waits, within LAST_FLUSH_SECONDS.

    read: the options of every ``ec_logger``, ``bounce_logger`` and ``http_logger`` of the current generation; asked
        again when a ``Reconfigured`` passes.
    say: takes one line for the operator's terminal: every ``Panic`` from NOTICE upward, and log files that fail.
    started: the Logs, once each file is open or it was said why it is not.
    """
    logs = Logs(machine, read, say)
    machine.events.subscribe(logs.take)
    logs.reconfigure()
    try:
        await logs.flush()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(logs.flush_for_ever)
            nursery.start_soon(logs.beat_for_ever)
            task_status.started(logs)
    finally:
        with trio.move_on_after(LAST_FLUSH_SECONDS, shield=True):
            await logs.finish()
        machine.events.unsubscribe(logs.take)


class Logs:
    """Formats records and keeps the files. ``take`` is the subscriber. durable: the durable logs of this node."""

    def __init__(self, machine: Machine, read: Read, say: Say) -> None:
        self._machine, self._read, self._say = machine, read, say
        self.durable = Jlogs(machine.disk, machine.entropy)
        self._destinations: dict[str, AnyDestination] = {}
        self._retired: list[AnyDestination] = []
        self._writers: dict[type[Record], tuple[Writer, ...]] = {}
        self._beats: tuple[tuple[float, Callable[[float], None]], ...] = ()
        self._failing: set[str] = set()
        self._wake, self._full, self._retuned = trio.Event(), trio.Event(), trio.Event()
        self._flushed = trio.Event()  # of the flush under way, or the next one

    def take(self, record: Record) -> None:
        """Format *record* for every file that wants it. Never blocks, never raises."""
        for write in self._writers.get(type(record), ()):
            write(record)
        if isinstance(record, Panic):
            if paniclog.WEIGHT[record.level] >= SAID_ALOUD:
                self._say(paniclog.readable(record))
        elif isinstance(record, Reconfigured):
            self.reconfigure()

    def reconfigure(self) -> None:
        """Take the current generation's options; files no longer named are flushed and closed."""
        known, self._destinations = self._destinations, {}
        writers: dict[type[Record], list[Writer]] = {}
        beats: list[tuple[float, Callable[[float], None]]] = []
        for options in self._read():
            if not options.enabled:
                continue
            if isinstance(options, LoggerOptions):
                self._add(options, known, writers, beats)
            elif isinstance(options, HttpLoggerOptions):
                self._add_requests(options, known, writers)
            else:
                self._add_bounces(options, known, writers, beats)
        self._writers = {kind: tuple(group) for kind, group in writers.items()}
        self._beats = tuple(beats)
        self._retired += [known[path] for path in known.keys() - self._destinations.keys()]
        self._retuned.set()
        self._wake.set()

    async def reopen(self) -> tuple[str, ...]:
        """Open every file anew: somebody renamed them (``reopen logs``). No line goes to the old ones afterwards.

        Returns: those that could not be opened; their lines wait, within a bound.
        Cancellation: they are opened anew all the same, a little later.
        """
        anew = tuple(self._destinations.values())
        for destination in anew:
            destination.reopen()
        while any(destination.is_to_reopen for destination in anew):
            self._wake.set()
            self._full.set()
            await self._flushed.wait()
        return tuple(destination.path for destination in anew if destination.path in self._failing)

    async def flush_for_ever(self) -> None:
        """Move lines to the disk, one batch at a time."""
        while True:
            await self._wake.wait()
            with trio.move_on_after(FLUSH_SECONDS):
                await self._full.wait()
            self._wake, self._full = trio.Event(), trio.Event()
            if not await self.flush():
                self._wake.set()
                await trio.sleep(RETRY_SECONDS)

    async def beat_for_ever(self) -> None:
        """Write a heartbeat to each log that wants one."""
        while True:
            self._retuned = trio.Event()
            async with trio.open_nursery() as nursery:
                for seconds, beat in self._beats:
                    nursery.start_soon(self._beat, seconds, beat)
                await self._retuned.wait()
                nursery.cancel_scope.cancel()

    async def flush(self) -> bool:
        """Append what waits now. False: a file would not take its lines; they wait on, and this was said."""
        retired, self._retired = self._retired, []
        healthy = [await self._flush_one(destination) for destination in (*self._destinations.values(), *retired)]
        for destination in retired:
            await destination.close(self._machine.disk)
            self._say_unwritten(destination)
        self._flushed.set()
        self._flushed = trio.Event()
        return all(healthy)

    async def finish(self) -> None:
        """Write what waits and close the files."""
        if not await self.flush():
            for destination in [each for each in self._destinations.values() if each.waiting]:
                self._say_unwritten(destination)
            await self.flush()
        for destination in self._destinations.values():
            await destination.close(self._machine.disk)
        await self.durable.close()

    def _say_unwritten(self, destination: AnyDestination) -> None:
        if destination.waiting:
            self._panic(f"log {destination.path}: closed with lines unwritten")

    async def _flush_one(self, destination: AnyDestination) -> bool:
        try:
            await destination.flush(self._machine.disk)
            while destination.waiting:
                await destination.flush(self._machine.disk)
        except OSError as error:
            if destination.path not in self._failing:
                self._failing.add(destination.path)
                self._panic(f"log {destination.path}: {error.strerror or error}")
            return False
        self._failing.discard(destination.path)
        if lost := destination.take_lost():
            self._panic(f"log {destination.path}: {lost} lines lost: the disk did not take them in time")
        return True

    def _add(
        self,
        options: LoggerOptions,
        known: dict[str, AnyDestination],
        writers: dict[type[Record], list[Writer]],
        beats: list[tuple[float, Callable[[float], None]]],
    ) -> None:
        """Wire one ``ec_logger``: which records go where, in which form."""
        json = options.log_format == "json"

        def wire(put: Callable[[str], None] | None, kind: type[Record], form: Callable[..., str]) -> None:
            if put is not None:
                chosen = jsonlines.json_line if json else form
                writers.setdefault(kind, []).append(lambda record: put(chosen(record)))

        main = self._put(options.mainlog, options.mainlog_mode, known)
        reject = self._put(options.rejectlog, options.rejectlog_mode, known) if options.log_rejections else None
        account = self._put(options.acctlog, options.acctlog_bits, known)
        imports = self._put(options.importlog, options.importlog_mode, known)
        panic = self._put(options.paniclog, options.paniclog_mode, known) if options.log_errors else None
        if options.log_receptions:
            wire(main, Received, mainlog.received)
        if options.log_deliveries:
            wire(main, Delivered, mainlog.delivered)
        wire(main, Transferred, mainlog.delivered)
        failures = (options.log_transient_failures, options.log_permanent_failures)
        if main is not None and any(failures):
            form = jsonlines.json_line if json else mainlog.failed
            writers.setdefault(Failed, []).append(_failures(*failures, main, form))
        wire(reject, Rejected, rejectlog.rejected)
        wire(account, Authenticated, acctlog.authenticated)
        wire(account, Authorized, acctlog.authorized)
        wire(imports, Imported, importlog.imported)
        if panic is not None:
            writers.setdefault(Panic, []).append(
                _panics(options, panic, jsonlines.json_line if json else paniclog.panic)
            )
            in_paniclog = jsonlines.json_line if json else httplog.in_paniclog
            writers.setdefault(Requested, []).append(_requests_of_paniclog(panic, in_paniclog))
        for put, line in ((main, mainlog.heartbeat), (reject, rejectlog.heartbeat)):
            if put is not None and options.heartbeat:
                beats.append((options.heartbeat, _beat(put, jsonlines.heartbeat if json else line)))

    def _add_bounces(
        self,
        options: BounceLoggerOptions,
        known: dict[str, AnyDestination],
        writers: dict[type[Record], list[Writer]],
        beats: list[tuple[float, Callable[[float], None]]],
    ) -> None:
        """Wire one ``bounce_logger``."""
        put = self._put(options.bouncelog, options.bouncelog_mode, known)
        if put is None:
            return
        json = options.log_format == "json"
        wanted = (options.log_transient_failures, options.log_inband_bounces)
        if any(wanted):
            writers.setdefault(Failed, []).append(
                _failures(*wanted, put, bouncelog.json_line if json else bouncelog.failed)
            )
        if options.heartbeat:
            beats.append((options.heartbeat, _beat(put, jsonlines.heartbeat if json else mainlog.heartbeat)))

    def _add_requests(
        self,
        options: HttpLoggerOptions,
        known: dict[str, AnyDestination],
        writers: dict[type[Record], list[Writer]],
    ) -> None:
        """Wire one ``http_logger``."""
        put = self._put(options.httplog, options.httplog_mode, known)
        if put is not None:
            form: Callable[..., str] = jsonlines.json_line if options.log_format == "json" else httplog.requested
            writers.setdefault(Requested, []).append(lambda record: put(form(record)))

    def _put(self, text: str, mode: int, known: dict[str, AnyDestination]) -> Callable[[str], None] | None:
        """What queues a line for the destination *text*; None when it names no file."""
        place = LogPlace.parse(text)
        if not place.path:
            return None
        key = f"{DURABLE}{place.path}" if place.is_durable else place.path
        destination = self._destinations.get(key) or known.get(key) or self._made(place, mode)
        destination.mode = mode
        if isinstance(destination, JlogDestination):
            destination.retune(place.subscribers)
        self._destinations[key] = destination

        def put(line: str) -> None:
            destination.put(line)
            if not self._wake.is_set():
                self._wake.set()
            if destination.pending_octets > FLUSH_OCTETS:
                self._full.set()

        return put

    def _made(self, place: LogPlace, mode: int) -> AnyDestination:
        if place.is_durable:
            return JlogDestination(place.path, mode, self.durable, place.subscribers)
        return Destination(place.path, mode)

    async def _beat(self, seconds: float, beat: Callable[[float], None]) -> None:
        while True:
            await trio.sleep_until((trio.current_time() // seconds + 1) * seconds)  # no reload shifts the beat
            beat(self._machine.clock.now())

    def _panic(self, text: str, level: Level = Level.ERROR) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, text))


def _failures(transient: bool, permanent: bool, put: Callable[[str], None], form: Callable[..., str]) -> Writer:
    def write(record: Record) -> None:
        assert isinstance(record, Failed)
        if permanent if record.permanent else transient:
            put(form(record))

    return write


def _panics(options: LoggerOptions, put: Callable[[str], None], form: Callable[..., str]) -> Writer:
    lightest = paniclog.WEIGHT[Level[options.debug_level]]

    def write(record: Record) -> None:
        assert isinstance(record, Panic)
        if paniclog.WEIGHT[record.level] >= lightest:
            put(form(record))

    return write


def _requests_of_paniclog(put: Callable[[str], None], form: Callable[..., str]) -> Writer:
    def write(record: Record) -> None:
        assert isinstance(record, Requested)
        if record.is_for_paniclog:
            put(form(record))

    return write


def _beat(put: Callable[[str], None], line: Callable[[float], str]) -> Callable[[float], None]:
    return lambda now: put(line(now))
