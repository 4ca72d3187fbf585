# ruff: noqa: DTZ001, DTZ002, DTZ003, DTZ005, DTZ006, DTZ007, DTZ011, DTZ012, DTZ901
"""Clocks taken from the standard library earlier, and its dates (naive ones too), are virtual while a world runs."""

from __future__ import annotations

import datetime as dt
import sys
import time
from datetime import date, datetime
from time import monotonic, strftime, time_ns
from types import ModuleType

import pytest
import trio

from momentum_trio.machine import Machine
from sim import World


def test_names_taken_earlier_do_not_escape() -> None:
    async def look(machine: Machine) -> None:
        await trio.sleep(1000.5)
        epoch = datetime(2026, 1, 1, 0, 16, 40, 500_000, tzinfo=dt.UTC)
        assert datetime.now(dt.UTC) == dt.datetime.now(tz=dt.UTC) == epoch
        assert datetime.utcnow() == epoch.replace(tzinfo=None)
        assert datetime.now() == datetime.today() == datetime.fromtimestamp(epoch.timestamp())
        assert date.today() == dt.date.today() == date.fromtimestamp(epoch.timestamp())
        assert (monotonic(), time_ns()) == (1000.5, round(epoch.timestamp() * 1e9))
        assert time.clock_gettime(time.CLOCK_REALTIME) == epoch.timestamp()
        assert time.clock_gettime(time.CLOCK_MONOTONIC) == 1000.5
        assert strftime("%Y") in ("2025", "2026")
        assert time.asctime() == time.ctime()

    before = datetime, date, monotonic
    world = World(1)
    world.run(world.host("mx", "10.0.0.1").call, look)
    assert before == (datetime, date, monotonic)
    assert datetime.now(dt.UTC).year >= 2026
    assert monotonic() != 1000.5


class Stamp(datetime):
    """A subclass as a library might have one."""


def test_the_virtual_datetime_is_one_in_every_other_way() -> None:
    early = datetime(2020, 2, 3)

    async def look(machine: Machine) -> datetime:
        class Later(datetime):
            pass

        assert isinstance(early, datetime)
        assert isinstance(early, date)
        assert not isinstance(early.date(), datetime)
        assert isinstance(Stamp(2020, 1, 1), datetime)
        assert issubclass(datetime, date)
        assert isinstance(datetime(2020, 2, 3), type(early))
        assert datetime(2020, 2, 3) == datetime.fromisoformat("2020-02-03") == datetime.strptime("3.2.2020", "%d.%m.%Y")
        assert datetime.combine(date(2020, 2, 3), dt.time()) == early
        assert (repr(datetime), repr(datetime.min)) == before
        assert type(Later.now(dt.UTC)) is Later
        assert Later.now(dt.UTC).year == 2026
        assert not isinstance(early, Later)
        return datetime.now(dt.UTC)

    before = repr(datetime), repr(datetime.min)
    world = World(1)
    now = world.run(world.host("mx", "10.0.0.1").call, look)
    assert type(now) is datetime


def test_a_module_imported_in_a_run_has_the_real_names_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    async def load(machine: Machine) -> None:
        module = ModuleType("loaded_in_a_run")
        monkeypatch.setitem(sys.modules, "loaded_in_a_run", module)
        exec("from time import time\nfrom datetime import datetime as when", vars(module))
        assert module.time() == 1_767_225_600.0

    for _ in range(2):
        world = World(1)
        world.run(world.host("mx", "10.0.0.1").call, load)
        loaded = sys.modules["loaded_in_a_run"]
        assert loaded.time is time.time
        assert loaded.when is datetime
