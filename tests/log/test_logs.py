"""The writer of the logs: batches, rotation, failing disks, bounds, reconfiguration."""

from __future__ import annotations

import errno
import json
import pathlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Position, Setting, Word
from momentum_trio.log import destination as destination_module
from momentum_trio.log.jlog import Jlog
from momentum_trio.log.log_options import BounceLoggerOptions, LoggerOptions
from momentum_trio.log.logs import RETRY_SECONDS, Logs, run_logs
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Append, Disk, Open, Step
from momentum_trio.machine.events import Events
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.mail.log_position import BEGINNING
from momentum_trio.mail.record import (
    Authenticated,
    Delivered,
    Failed,
    Level,
    Panic,
    Received,
    Reconfigured,
    Record,
    Rejected,
)
from sim.disk import Fault, SimStore

AT = Position("test.conf", 1, 1)
IDS = ("10/00-00481-001F3556", "10/00-00481-001F3556", "00/00-00481-001F3556")
WHO = ("bob@example.com", "ann@example.net", "default", "default")
RECEIVED = Received(1700000000, *IDS, *WHO, "192.0.2.1", 201, "esmtp")
DELIVERED = Delivered(1700000000, *IDS, *WHO, "example.com", 201, 0, 0.5, "")
TRANSIENT = Failed(1700000000, *IDS, *WHO, False, "example.com", 0, 0, 0, 0.5, "", "451 4.3.0 later")
PERMANENT = Failed(1700000000, *IDS, *WHO, True, "example.com", 0, 0, 0, 0.5, "", "550 5.1.1 who?")
REJECTED = Rejected(1700000000, "192.0.2.1:4711", "192.0.2.2:25", IDS[2], "", "", "mailfrom", 550, "relay", "no")
AUTHENTICATED = Authenticated(1700000000, "*:2025", "", "ann", True)
ALL: list[Record] = [RECEIVED, DELIVERED, TRANSIENT, PERMANENT, REJECTED, AUTHENTICATED]


class Ones:
    def octets(self, count: int) -> bytes:
        return b"1" * count

    def fraction(self) -> float:
        return 0.5


class Noon:
    def now(self) -> float:
        return 1_700_000_000.0 + trio.current_time()


@dataclass(frozen=True)
class LoggerScope:
    kind: str
    instance: str
    settings: dict[str, Setting]


def options(**settings: str) -> LoggerOptions:
    scope = LoggerScope("ec_logger", "x", {name: Setting(name, Word(text), AT) for name, text in settings.items()})
    return LoggerOptions.resolve(Chain([scope]))


@dataclass
class House:
    machine: Machine
    logs: Logs
    loggers: list[LoggerOptions | BounceLoggerOptions]
    said: list[str]

    def publish(self, *records: Record) -> None:
        for record in records:
            self.machine.events.publish(record)


@asynccontextmanager
async def house(disk: Disk, *loggers: LoggerOptions | BounceLoggerOptions) -> AsyncIterator[House]:
    nothing: Any = None
    machine = Machine(Noon(), disk, Ones(), nothing, nothing, Events())
    current, said = list(loggers), list[str]()
    async with trio.open_nursery() as nursery:
        logs = await nursery.start(run_logs, machine, lambda: current, said.append)
        yield House(machine, logs, current, said)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def disk() -> AsyncIterator[OsDisk]:
    disk = OsDisk()
    yield disk
    assert not disk._descriptors
    await disk.aclose()


def all_below(base: pathlib.Path, **more: str) -> LoggerOptions:
    names = ("mainlog", "rejectlog", "paniclog", "acctlog")
    return options(**({name: f"{base}/log/{name}" for name in names} | {"heartbeat": "0"} | more))


def letters(path: pathlib.Path) -> str:
    return "".join(line.split("@")[4] for line in path.read_text().splitlines()) if path.exists() else ""


def names_in(path: pathlib.Path) -> list[str]:
    return [child.name for child in path.iterdir()]


async def test_each_record_goes_to_its_log(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    async with house(disk, all_below(tmp_path)) as h:
        h.publish(
            *ALL, Panic(1, Level.ERROR, "one\ntwo"), Panic(1, Level.NOTICE, "light"), Panic(1, Level.INFO, "lighter")
        )
    log = tmp_path / "log"
    assert letters(log / "mainlog") == "RDTP"
    assert (log / "rejectlog").read_text().count("\n") == 1
    assert (log / "acctlog").read_text() == "1700000000@N@*:2025@@ann@1\n"
    assert (log / "paniclog").read_text() == "1:one\\x0Atwo\n"  # debug_level is ERROR
    assert h.said == ["ERROR: one\n    two", "NOTICE: light"]
    assert (log / "mainlog").stat().st_mode & 0o777 == 0o644


async def test_lines_reach_the_disk_while_it_runs(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    async with house(disk, all_below(tmp_path)) as h:
        h.publish(RECEIVED)
        with trio.fail_after(5):
            while letters(tmp_path / "log/mainlog") != "R":  # noqa: ASYNC110  the file is all there is to look at
                await trio.sleep(0.01)


@pytest.mark.parametrize(
    ("switch", "left"),
    [
        ("log_receptions", "DTP"),
        ("log_deliveries", "RTP"),
        ("log_transient_failures", "RDP"),
        ("log_permanent_failures", "RDT"),
        ("log_rejections", "RDTP"),
        ("enabled", ""),
    ],
)
async def test_switches(disk: OsDisk, tmp_path: pathlib.Path, switch: str, left: str) -> None:
    async with house(disk, all_below(tmp_path, **{switch: "false"})) as h:
        h.publish(*ALL)
    assert letters(tmp_path / "log/mainlog") == left
    assert (tmp_path / "log/rejectlog").exists() == (switch not in ("log_rejections", "enabled"))


async def test_an_empty_destination_writes_nothing(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    async with house(disk, options(mainlog=f"file://{tmp_path}/m", rejectlog="", paniclog="", acctlog="")) as h:
        h.publish(*ALL, Panic(1, Level.ERROR, "x"))
    assert names_in(tmp_path) == ["m"]


async def test_without_a_logger_no_file_is_opened_and_panics_are_said() -> None:
    store = SimStore()
    async with house(store.mount()) as h:
        h.publish(*ALL, Panic(1, Level.ERROR, "x"))
    assert h.said == ["ERROR: x"]
    assert store.operations == 0


async def test_a_durable_destination_keeps_its_lines_for_its_subscribers() -> None:
    store = SimStore()
    place = "jlog:///var/log/x?subscribers=a,b"
    async with house(store.mount(), options(mainlog=place, rejectlog="", paniclog="", acctlog="")) as h:
        h.publish(RECEIVED, DELIVERED)
        await trio.sleep(0.2)
        log = h.logs.durable.of("/var/log/x")
        taken = await log.read(BEGINNING, 1000)
        assert await log.checkpoints() == {"a": BEGINNING, "b": BEGINNING}
    assert [line.split(b"@")[4] for line in taken.octets.splitlines()] == [b"R", b"D"]
    assert h.said == []
    store.power_loss()
    again = Jlog(store.mount(), Ones(), "/var/log/x")
    await again.open()
    assert (await again.read(BEGINNING, 1000)).octets == taken.octets


async def test_lines_that_a_durable_log_could_not_take_wait_and_are_there_once() -> None:
    store = SimStore()
    async with house(store.mount(), options(mainlog="cluster:///l/m", rejectlog="", paniclog="", acctlog="")) as h:
        h.publish(RECEIVED)
        await trio.sleep(0.2)
        store.fill()
        h.publish(DELIVERED)
        await trio.sleep(0.2)
        store.heal()
        await trio.sleep(RETRY_SECONDS * 2)
        taken = await h.logs.durable.of("/l/m").read(BEGINNING, 1000)
        more = await h.logs.durable.of("/l/m").read(taken.end, 1000)
    lines = [*taken.octets.splitlines(), *more.octets.splitlines()]
    assert [line.split(b"@")[4] for line in lines] == [b"R", b"D"]
    assert any("/l/m" in line for line in h.said)


async def test_json_lines(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    async with house(disk, all_below(tmp_path, log_format="json")) as h:
        h.publish(*ALL)
    assert (
        (tmp_path / "log/mainlog").read_text().splitlines()[0].startswith('{"time":1700000000,"type":"R","message_id":')
    )


async def test_loggers_may_share_a_file_and_take_different_things(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    one = all_below(tmp_path, log_deliveries="off")
    two = all_below(tmp_path, log_receptions="off", log_transient_failures="off", log_permanent_failures="off")
    async with house(disk, one, two) as h:
        h.publish(RECEIVED, DELIVERED)
    assert letters(tmp_path / "log/mainlog") == "RD"


async def test_a_new_generation_switches_live_and_closes_what_it_no_longer_names(
    disk: OsDisk, tmp_path: pathlib.Path
) -> None:
    async with house(disk, all_below(tmp_path)) as h:
        h.publish(RECEIVED)
        h.loggers[0] = all_below(tmp_path, mainlog=f"{tmp_path}/log/other", log_deliveries="false")
        h.publish(Reconfigured(1, 2), RECEIVED, DELIVERED)
    assert letters(tmp_path / "log/mainlog") == "R"
    assert letters(tmp_path / "log/other") == "R"


async def test_rotation(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log/mainlog"
    async with house(disk, all_below(tmp_path)) as h:
        h.publish(RECEIVED)
        await h.logs.flush()
        log.rename(tmp_path / "log/mainlog.1")
        h.publish(DELIVERED)
        await h.logs.flush()
        assert await h.logs.reopen() == ()
        h.publish(PERMANENT)
    assert (letters(tmp_path / "log/mainlog.1"), letters(log)) == ("RD", "P")


async def test_copy_and_truncate(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log/mainlog"
    async with house(disk, all_below(tmp_path)) as h:
        h.publish(RECEIVED)
        await h.logs.flush()
        with log.open("r+") as file:
            file.truncate(0)
        h.publish(DELIVERED)
    assert letters(log) == "D"


async def test_heartbeats(autojump_clock: object) -> None:
    store = SimStore()
    async with house(
        store.mount(), options(mainlog="/m", rejectlog="/r", paniclog="", acctlog="", heartbeat="60")
    ) as h:
        await trio.sleep(100)
        h.publish(Reconfigured(1, 2))  # does not shift the beat
        await trio.sleep(100)
    beats = [int(line.partition("@")[0]) for line in store.octets("/m").decode().splitlines()]
    assert len(beats) == 3
    assert [after - before for before, after in pairwise(beats)] == [60, 60]
    assert store.octets("/r").count(b": Marker 1\n") == 3


@pytest.mark.parametrize("after_octets", [0, 30])
async def test_a_full_disk_loses_no_line_and_repeats_none(after_octets: int, autojump_clock: object) -> None:
    store = SimStore()
    async with house(store.mount(), options(mainlog="/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")) as h:
        h.publish(RECEIVED)
        await trio.sleep(1)
        store.inject = lambda step: Fault(errno.ENOSPC, after_octets) if isinstance(step, Append) else None
        h.publish(DELIVERED)
        await trio.sleep(10 * RETRY_SECONDS)
        store.inject = None
        h.publish(PERMANENT)
        await trio.sleep(10)
        written = store.octets("/m").decode()
        assert [line.split("@")[4] for line in written.splitlines()] == ["R", "D", "P"]
    assert h.said == ["ERROR: log /m: No space left on device"]  # once, not ten times


async def test_lines_that_wait_at_the_end_are_said_in_the_paniclog_too(autojump_clock: object) -> None:
    store = SimStore()
    loggers = options(mainlog="/m/log", rejectlog="", paniclog="/p", acctlog="", heartbeat="0")
    async with house(store.mount(), loggers) as h:
        store.inject = lambda step: Fault(errno.EROFS) if isinstance(step, Append) and "/m" in step.file.path else None
        h.publish(RECEIVED)
    unwritten = "log /m/log: closed with lines unwritten"
    assert h.said == ["ERROR: log /m/log: Read-only file system", f"ERROR: {unwritten}"]
    assert store.octets("/p").decode().endswith(f":{unwritten}\n")


async def test_a_torn_line_that_cannot_be_cut_off_is_ended(autojump_clock: object) -> None:
    store = SimStore()
    async with house(store.mount(), options(mainlog="/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")) as h:
        h.publish(RECEIVED)
        await trio.sleep(1)
        steps = iter([Fault(errno.EIO, 30), Fault(errno.EIO)])
        store.inject = lambda step: next(steps, None)
        h.publish(DELIVERED)
        await trio.sleep(10)
        lines = store.octets("/m").decode().splitlines()
        assert [line.split("@")[4] for line in lines if line.count("@") > 4] == ["R", "D"]
        assert len(lines) == 3


@pytest.mark.parametrize(("before", "lines"), [(b"a line\n", 2), (b"a line\na torn on", 3), (b"", 1)])
async def test_the_first_line_of_a_life_stands_alone(before: bytes, lines: int, autojump_clock: object) -> None:
    """The life before may have ended in the middle of one, with the power."""
    store = SimStore()
    store.put("/m", before)
    async with house(store.mount(), options(mainlog="/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")) as h:
        h.publish(RECEIVED)
        await trio.sleep(1)
        written = store.octets("/m").decode().splitlines()
    assert len(written) == lines
    assert written[-1].split("@")[4] == "R"


async def test_one_failing_log_does_not_stop_the_others(autojump_clock: object) -> None:
    store = SimStore()
    store.put("/file", b"")
    async with house(store.mount(), options(mainlog="/file/m", rejectlog="/r", paniclog="/p", acctlog="")) as h:
        h.publish(RECEIVED, REJECTED)
        await trio.sleep(5)
        assert store.octets("/r").startswith(b"1700000000: R=")
        assert store.octets("/p").endswith(b":log /file/m: Not a directory\n")
    assert h.said[0] == "ERROR: log /file/m: Not a directory"


async def test_what_does_not_fit_is_counted_and_said(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination_module, "PENDING_OCTETS_MAX", 1000)
    store = SimStore()
    async with house(store.mount(), options(mainlog="/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")) as h:
        h.publish(*[RECEIVED] * 50)
        await trio.sleep(1)
        written = store.octets("/m").count(b"\n")
        assert 0 < written < 50
        assert h.said == [f"ERROR: log /m: {50 - written} lines lost: the disk did not take them in time"]


async def test_one_job_for_a_burst(autojump_clock: object) -> None:
    store = SimStore()
    jobs: list[Sequence[Step[Any]]] = []

    async def noted(steps: Sequence[Step[Any]]) -> None:
        jobs.append(steps)
        await trio.lowlevel.checkpoint()

    store.latency = noted
    async with house(store.mount(), options(mainlog="/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")) as h:
        h.publish(RECEIVED)
        await trio.sleep(1)
        jobs.clear()
        for _ in range(1000):
            h.publish(RECEIVED)
        await trio.sleep(1)
        assert len(jobs) == 1
        assert store.octets("/m").count(b"\n") == 1001
        jobs.clear()
        await trio.sleep(1000)
        assert jobs == []  # nothing to do, nothing done


async def test_files_are_opened_at_the_start_and_one_that_cannot_be_is_said_at_once() -> None:
    store = SimStore()
    store.put("/file", b"")
    loggers = options(mainlog="/file/m", rejectlog="/r", paniclog="/logs/p", acctlog="", heartbeat="0")
    async with house(store.mount(), loggers) as h:
        assert h.said == ["ERROR: log /file/m: Not a directory"]
        assert store.octets("/r") == b""
        assert store.octets("/logs/p").endswith(b":log /file/m: Not a directory\n")


async def test_a_path_that_mends_is_taken_up_without_a_line(autojump_clock: object) -> None:
    store = SimStore()
    store.inject = lambda step: Fault(errno.EACCES) if isinstance(step, Open) else None
    async with house(store.mount(), options(mainlog="/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")) as h:
        await trio.sleep(10 * RETRY_SECONDS)
        assert h.said == ["ERROR: log /m: Permission denied"]
        store.inject = None
        await trio.sleep(2 * RETRY_SECONDS)
        assert store.octets("/m") == b""


async def test_a_renamed_file_is_made_anew_without_a_line(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log/mainlog"
    async with house(disk, all_below(tmp_path)) as h:
        log.rename(tmp_path / "log/mainlog.1")
        assert await h.logs.reopen() == ()
        await h.logs.flush()
        assert log.exists()


async def test_a_new_generation_opens_its_files_at_once(autojump_clock: object) -> None:
    store = SimStore()
    store.put("/file", b"")
    async with house(store.mount(), options(mainlog="/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")) as h:
        h.loggers[0] = options(mainlog="/file/m", rejectlog="", paniclog="", acctlog="", heartbeat="0")
        h.publish(Reconfigured(1, 2))
        await trio.sleep(1)
        assert h.said == ["ERROR: log /file/m: Not a directory"]


def bounce_logger(**settings: str) -> BounceLoggerOptions:
    scope = LoggerScope("bounce_logger", "x", {name: Setting(name, Word(text), AT) for name, text in settings.items()})
    return BounceLoggerOptions.resolve(Chain([scope]))


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        ({}, "TB"),
        ({"log_inband_bounces": "off"}, "T"),
        ({"log_transient_failures": "off"}, "B"),
        ({"log_transient_failures": "off", "log_inband_bounces": "off"}, ""),
        ({"enabled": "false"}, ""),
    ],
)
async def test_bounces_have_a_log_of_their_own(
    disk: OsDisk, tmp_path: pathlib.Path, settings: dict[str, str], written: str
) -> None:
    path = tmp_path / "bouncelog"
    bounces = bounce_logger(bouncelog=str(path), bouncelog_mode="0600", heartbeat="0", **settings)
    async with house(disk, all_below(tmp_path), bounces) as h:
        h.publish(*ALL)
    assert letters(path) == written
    assert letters(tmp_path / "log/mainlog") == "RDTP"
    assert not path.exists() or path.stat().st_mode & 0o777 == 0o600


async def test_bounces_as_json(disk: OsDisk, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "bouncelog"
    async with house(disk, bounce_logger(bouncelog=str(path), log_format="json", heartbeat="0")) as h:
        h.publish(PERMANENT)
    (line,) = path.read_text().splitlines()
    assert json.loads(line).items() >= {"type": "B", "classification": 10, "reason": "550 5.1.1 who?"}.items()


async def test_the_heartbeat_of_the_bouncelog(autojump_clock: object) -> None:
    store = SimStore()
    async with house(store.mount(), bounce_logger(bouncelog="/b", heartbeat="60")):
        await trio.sleep(100)
    assert [line.partition("@")[2] for line in store.octets("/b").decode().splitlines()] == ["@@@M1"]
