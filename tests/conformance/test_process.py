"""One body, two arms: facts about the process, its signals, limits, umask and privileges."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import FileFacts, Stat
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.net.capability import Capabilities
from sim import World
from sim.host import current_life

SETTLE_SECONDS = 0.02  # for a signal to arrive; nothing at all in virtual time


@dataclass(frozen=True)
class Here:
    """Where a behaviour runs. send: a signal to ourselves."""

    machine: Machine
    folder: str
    send: Callable[[str], None]


Behaviour = Callable[[Here], Awaitable[object]]


async def taken(arrivals: object) -> object:
    """The next signal, or that there is none."""
    assert hasattr(arrivals, "__anext__")
    with trio.move_on_after(SETTLE_SECONDS):
        return await arrivals.__anext__()
    return "none"


async def signals_come_by_name(here: Here) -> object:
    """Signals that are received come by their names; none, none."""
    async with here.machine.process.signals("SIGUSR1", "SIGHUP") as arrivals:
        outcomes = [await taken(arrivals)]
        for name in ("SIGHUP", "SIGUSR1"):
            here.send(name)
            outcomes.append(await taken(arrivals))
        return [*outcomes, await taken(arrivals)]


async def signals_wait_until_they_are_taken(here: Here) -> object:
    """In the order they came; one that comes twice before it is taken comes once."""
    async with here.machine.process.signals("SIGUSR1", "SIGHUP") as arrivals:
        for name in ("SIGHUP", "SIGUSR1", "SIGHUP", "SIGUSR1"):
            here.send(name)
            await trio.sleep(SETTLE_SECONDS)
        return [await taken(arrivals) for _ in range(3)]


async def signals_wake_a_waiter(here: Here) -> object:
    """Who waits for a signal is woken by it."""
    outcomes: list[object] = []

    async def wait(arrivals: object) -> None:
        assert hasattr(arrivals, "__anext__")
        with trio.fail_after(5):
            outcomes.append(await arrivals.__anext__())

    async with here.machine.process.signals("SIGUSR1") as arrivals, trio.open_nursery() as nursery:
        nursery.start_soon(wait, arrivals)
        await trio.sleep(SETTLE_SECONDS)
        here.send("SIGUSR1")
    return outcomes


async def the_innermost_block_receives(here: Here) -> object:
    """What it does not take goes to the next one outwards when it ends."""
    process = here.machine.process
    async with process.signals("SIGUSR1", "SIGHUP") as outer:
        async with process.signals("SIGUSR1") as inner:
            for name in ("SIGUSR1", "SIGHUP"):
                here.send(name)
                await trio.sleep(SETTLE_SECONDS)
            seen = [await taken(inner), await taken(outer), await taken(outer)]
            here.send("SIGUSR1")
            await trio.sleep(SETTLE_SECONDS)
        return [*seen, await taken(outer)]


async def mode_of_a_new_socket(here: Here, name: str) -> int:
    path = f"{here.folder}/{name}"
    made = trio.socket.socket(trio.socket.AF_UNIX)
    with made:
        await made.bind(path)
    (facts,) = await here.machine.disk.perform([Stat(path)])
    assert isinstance(facts, FileFacts)
    return facts.mode


async def umask_acts_in_its_block(here: Here) -> object:
    """A umask acts within its block, and is put back whatever ends that."""
    umask = here.machine.process.umask
    with umask(0o022):
        modes = [await mode_of_a_new_socket(here, "before")]
        with umask(0o177):
            modes.append(await mode_of_a_new_socket(here, "within"))
            with umask(0):
                modes.append(await mode_of_a_new_socket(here, "deeper"))
        with pytest.raises(ZeroDivisionError), umask(0o777):
            raise ZeroDivisionError
        modes.append(await mode_of_a_new_socket(here, "after"))
    return [oct(mode) for mode in modes]


async def descriptors_are_raised_never_lowered(here: Here) -> object:
    """The limit of descriptors goes up to what is asked, never down."""
    process = here.machine.process
    before = process.descriptors_max()
    outcomes = [process.raise_descriptors_max(wanted) - before for wanted in (1, before, before + 3, before)]
    return outcomes, process.descriptors_max() - before


async def no_descriptors_left(here: Here) -> object:
    """EMFILE at the limit; those that go make room."""
    opened: list[trio.socket.SocketType] = []
    try:
        while len(opened) < 2 * here.machine.process.descriptors_max():
            opened.append(trio.socket.socket())
    except OSError as error:
        opened.pop().close()
        opened.append(trio.socket.socket())
        return error.errno, len(opened) > 5
    finally:
        for each in opened:
            each.close()
    return "none", False


async def facts(here: Here) -> object:
    """The process has a host name, a number, names of users (the number of those without), an environment."""
    process = here.machine.process
    return (
        process.hostname != "",
        process.pid > 0,
        process.user_name(0),
        process.user_name(4_000_000_000),
        process.environment.get("NO_SUCH_VARIABLE"),
    )


async def unknown_users_change_nothing(here: Here) -> object:
    """To become a user or group nobody knows is a KeyError."""
    outcomes = []
    for user, group in (("no-such-user", "root"), ("root", "no-such-group")):
        try:
            here.machine.process.identity(user, group, (), Capabilities())
        except LookupError as error:
            outcomes.append(type(error).__name__)
    return outcomes


BEHAVIOURS: tuple[tuple[Behaviour, object], ...] = (
    (signals_come_by_name, ["none", "SIGHUP", "SIGUSR1", "none"]),
    (signals_wait_until_they_are_taken, ["SIGHUP", "SIGUSR1", "none"]),
    (signals_wake_a_waiter, ["SIGUSR1"]),
    (the_innermost_block_receives, ["SIGUSR1", "SIGHUP", "none", "SIGUSR1"]),
    (umask_acts_in_its_block, ["0o755", "0o600", "0o777", "0o755"]),
    (descriptors_are_raised_never_lowered, ([0, 0, 3, 3], 3)),
    (no_descriptors_left, (24, True)),
    (facts, (True, True, "root", "4000000000", None)),
    (unknown_users_change_nothing, ["KeyError", "KeyError"]),
)
TABLE = pytest.mark.parametrize(
    ("behaviour", "expected"), BEHAVIOURS, ids=[behaviour.__name__ for behaviour, _ in BEHAVIOURS]
)


@pytest.fixture
def room_for_descriptors() -> object:
    """The soft limit below the hard one, and low enough to be reached soon; put back afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard, 200), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def harmless_signals() -> object:
    """A signal that a failing behaviour leaves behind does not end the tests."""
    before = {name: signal.signal(name, signal.SIG_IGN) for name in (signal.SIGUSR1, signal.SIGHUP)}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


@TABLE
@pytest.mark.usefixtures("room_for_descriptors", "harmless_signals")
def test_with_the_real_process(behaviour: Behaviour, expected: object) -> None:
    def send(name: str) -> None:
        os.kill(os.getpid(), signal.Signals[name])

    with tempfile.TemporaryDirectory(prefix="mt") as folder:
        assert trio.run(behaviour, Here(os_machine(), folder, send)) == expected


@TABLE
def test_with_a_simulated_process(behaviour: Behaviour, expected: object) -> None:
    host = World(7).host("one", "10.0.0.1")

    async def run(machine: Machine) -> object:
        life = current_life()
        life.descriptors_max = 200
        return await behaviour(Here(machine, "/run", life.signal))

    assert host.world.run(host.call, run) == expected
