"""The whole node while its world fails: power, SIGKILL, SIGTERM, disks, clock.

``make test`` walks operations and steps with a stride (a few seconds); MOMENTUM_FAULTS=1 walks
them all (a minute).
"""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fault_story
import pytest
import trio
from fault_story import (
    CONFIG,
    HUGE,
    LETTERS,
    MAIL,
    SPOOL,
    Letter,
    Post,
    all_arrive,
    delivered,
    failing,
    faults_of_ours,
    ids_delivered,
    in_tmp,
    missing,
    names,
    of,
    over_or_dead,
    panics,
    post,
    posted,
)
from simulated_host import Site

from momentum_trio.machine.disk import (
    Append,
    Create,
    Datasync,
    Link,
    MakeDirectory,
    Open,
    Rename,
    Step,
    Sync,
    SyncDirectory,
    Write,
)
from momentum_trio.mail.record import Delivered, Received

SCRIPT = (*LETTERS, HUGE)
WHOLE = bool(os.environ.get("MOMENTUM_FAULTS"))
SETTLE_SECONDS = 5.0  # deliveries done, outcomes synced
PARTS = 8  # tests a walk is cut into
OPERATIONS_MAX, STEPS_MAX = 140, 400  # of the script; test_the_walks_are_whole says when it has grown
SLOW: dict[str, Any] = {"latency_seconds": 0.05, "short": 0.3}


# Power, SIGKILL and SIGTERM, at every moment


async def script(site: Site) -> Post:
    """Boot, post the letters, and let them settle, unless the node dies on the way; the answers."""
    told = Post()
    await site.boot()
    if site.life.alive:
        async with trio.open_nursery() as clients:
            clients.start_soon(site.client.call, post, SCRIPT, told)
            await over_or_dead(site, told)
            with trio.move_on_after(SETTLE_SECONDS):
                await site.life.wait()
            clients.cancel_scope.cancel()
    return told


async def afterwards(site: Site, told: Post) -> None:
    """Lives that nothing disturbs: what was answered 250 is there, whole and once, and nobody tries it again."""
    before = delivered(site)
    await site.boot()
    await all_arrive(site, of(told, SCRIPT))
    await trio.sleep(SETTLE_SECONDS)
    after = delivered(site)
    assert not missing(site, before)
    # More than answered: custody was taken, and the answer was lost. Once: the name of a file is the message's.
    assert set(after) <= set(names(SCRIPT))
    assert len(set(after)) == len(after)
    await site.life.stop(60)
    assert not site.mx.store.files(f"{SPOOL}/content")
    assert not in_tmp(site)
    deliveries = len(delivery_records(site))
    await site.boot()
    await trio.sleep(SETTLE_SECONDS)
    assert len(delivery_records(site)) == deliveries, "an outcome was forgotten though the node ended in order"
    assert not [name for name, count in Counter(delivery_records(site)).items() if count > 1], "twice in one life"
    assert not faults_of_ours(site)


def delivery_records(site: Site) -> list[tuple[int, str]]:
    """Life and message of each delivery."""
    return [(life.number, record.message_id) for life, record in site.world.records if isinstance(record, Delivered)]


def measured(count: Callable[[Site], int]) -> int:
    """How far *count* gets in the script with nothing wrong."""

    async def main() -> int:
        await site.configure(CONFIG)
        began = count(site)
        told = await script(site)
        assert len(told.accepted) == len(SCRIPT)
        assert delivered(site) == names(SCRIPT)
        return count(site) - began

    site = Site()
    return site.world.run(main)


def walk(part: int, length: int, stride: int) -> range:
    """The moments that *part* of PARTS looks at."""
    return range(part if WHOLE else part * stride // PARTS, length, PARTS if WHOLE else stride)


def at_step(site: Site, step: int, act: Callable[[], object], *then: tuple[int, Callable[[], object]]) -> None:
    """Have *act* called at that event or pass of the simulated world, counted from now; *then* others, later ones."""
    due = {step: act, **{step + later: also for later, also in then}}
    seen = 0

    def watch() -> None:
        nonlocal seen
        if (now := due.pop(seen, None)) is not None:
            now()
        seen += 1

    site.world.kernel.watch = watch


def test_the_walks_are_whole() -> None:
    seen = 0

    def steps(site: Site) -> int:
        nonlocal seen
        if site.world.kernel.watch is None:

            def watch() -> None:
                nonlocal seen
                seen += 1

            site.world.kernel.watch = watch
        return seen

    assert OPERATIONS_MAX * 0.7 < measured(lambda site: site.mx.store.operations) <= OPERATIONS_MAX
    assert STEPS_MAX * 0.7 < measured(steps) <= STEPS_MAX


def cut(operation: int, seed: int, *, again: int | None = None, torn: bool = True, **world: Any) -> None:
    """Power fails at *operation* of the script, and perhaps *again* in the life after it.

    torn: what was not synced is dropped, torn or kept, as the seed has it; otherwise all of it is dropped.
    """

    async def main() -> None:
        store = site.mx.store
        await site.configure(CONFIG)
        if not torn:
            lose = store.power_loss
            store.power_loss = lambda rng=None: lose()  # type: ignore[method-assign]
        store.cut_after = operation
        told = await script(site)
        if again is not None and not site.life.alive:
            store.cut_after = again
            await site.boot()
            with trio.move_on_after(SETTLE_SECONDS):
                await site.life.wait()
        store.cut_after = None
        if site.life.alive:
            site.mx.power_loss()
        await afterwards(site, told)

    site = Site(seed, **world)
    site.world.run(main)


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("part", range(PARTS))
def test_power_cut_at_every_operation(part: int, torn: bool) -> None:
    for operation in walk(part, OPERATIONS_MAX, 50):
        cut(operation, operation, torn=torn)


@pytest.mark.parametrize("seed", range(100 if WHOLE else 10))
def test_power_cut_and_again_during_recovery_on_a_bad_network(seed: int) -> None:
    draws = random.Random(seed)
    cut(draws.randrange(20, OPERATIONS_MAX), seed, again=draws.randrange(60), **SLOW)


@pytest.mark.parametrize("part", range(PARTS))
def test_sigkill_at_every_step(part: int) -> None:
    for step in walk(part, STEPS_MAX, 75):
        killed(step, step)


@pytest.mark.parametrize("seed", range(60 if WHOLE else 6))
def test_sigkill_on_a_bad_network(seed: int) -> None:
    killed(random.Random(seed).randrange(800), seed, **SLOW)


def killed(step: int, seed: int, **world: Any) -> None:
    """SIGKILL at *step* of the script; every other time, power fails right after the next boot."""

    async def main() -> None:
        await site.configure(CONFIG)
        at_step(site, step, site.mx.kill)
        told = await script(site)
        site.world.kernel.watch = None
        site.mx.kill()
        if step % 2:
            await site.boot()
            site.mx.power_loss()
        await afterwards(site, told)

    site = Site(seed, **world)
    site.world.run(main)


@pytest.mark.parametrize("part", range(PARTS))
def test_sigterm_at_every_step_and_a_second_one(part: int) -> None:
    for step in walk(part, STEPS_MAX, 75):
        terminated(step, step)


def terminated(step: int, seed: int, **world: Any) -> None:
    """SIGTERM at *step* of the script; every other time a second one soon after. The node ends, and in time."""

    async def main() -> None:
        await site.configure(CONFIG)

        def terminate() -> None:
            for life in site.mx.lives:
                life.signal("SIGTERM")

        second = [(1 + step % 40, terminate)] if step % 2 else []
        at_step(site, step, terminate, *second)
        told = await script(site)
        site.world.kernel.watch = None
        if site.life.alive and step < STEPS_MAX * 3 // 4:
            with trio.fail_after(60):
                await site.life.wait()
        site.mx.kill()
        await afterwards(site, told)

    site = Site(seed, **world)
    site.world.run(main)


def test_no_duplicates_once_outcomes_are_synced() -> None:
    """Some seconds after the last delivery a power cut repeats none."""

    async def main() -> None:
        await site.configure(CONFIG)
        await script(site)
        site.mx.power_loss()
        count = len(delivery_records(site))
        await site.boot()
        await trio.sleep(SETTLE_SECONDS)
        assert len(delivery_records(site)) == count == len(names(SCRIPT))

    site = Site()
    site.world.run(main)


# A spool whose disk is full or broken

SPOOL_FAULTS = {
    "no room in the log": (failing((Write,), errno.ENOSPC, f"{SPOOL}/log", after_octets=100), "452 4.3.1"),
    "quota": (failing((Write,), errno.EDQUOT, SPOOL), "452 4.3.1"),
    "no room for anything": (
        failing((Write, Create, MakeDirectory), errno.ENOSPC, SPOOL, after_octets=1),
        "452 4.3.1",
    ),
    "writes fail": (failing((Write,), errno.EIO, SPOOL, after_octets=700), "451 4.3.0"),
    "read-only": (failing((Write, Create, Rename, MakeDirectory), errno.EROFS, SPOOL), "451 4.3.0"),
    "syncs fail": (failing((Datasync, Sync, SyncDirectory), errno.EIO, SPOOL), "451 4.3.0"),
    "syncs fail and forget": (failing((Datasync, Sync), errno.EIO, SPOOL, drop_dirty=True), "451 4.3.0"),
    "everything fails": (failing((Step,), errno.EIO, SPOOL), "451 4.3.0"),
}


@pytest.mark.parametrize("world", [{}, SLOW], ids=["good network", "bad network"])
@pytest.mark.parametrize("fault", SPOOL_FAULTS)
def test_a_spool_that_fails(fault: str, world: dict[str, Any]) -> None:
    """Five sessions post while the disk fails, recovers, and loses power in the end."""
    inject, reply = SPOOL_FAULTS[fault]

    async def main() -> None:
        await site.configure(CONFIG)
        await site.boot()
        store = site.mx.store
        tolds: list[Post] = []
        letters: list[Letter] = []

        async def round_of(number: int) -> list[str]:
            """Five sessions at once, each with small and large letters; all final replies."""
            mine = [Post() for _ in range(5)]
            async with trio.open_nursery() as clients:
                for session, told in enumerate(mine):
                    sent = [
                        Letter(f"r{number}s{session}l{place}", ("bob@example.com",), octets)
                        for place, octets in enumerate((40, 9000, 400))
                    ]
                    letters.extend(sent)
                    clients.start_soon(site.client.call, post, sent, told)
            tolds.extend(mine)
            assert all(len(told.answers) == 3 for told in mine)
            return [answer for told in mine for answer in told.answers.values()]

        assert {answer[:3] for answer in await round_of(1)} == {"250"}
        store.inject = inject
        assert {answer[:9] for answer in await round_of(2)} <= {reply, "250 2.0.0"}
        assert {answer[:9] for answer in await round_of(3)} == {reply}
        await trio.sleep(100)
        store.inject = None
        assert {answer[:3] for answer in await round_of(4)} == {"250"}
        accepted = [name for told in tolds for name in of(told, letters)]
        await all_arrive(site, accepted)
        await trio.sleep(SETTLE_SECONDS)
        check_permitted(accepted)
        site.mx.power_loss()
        await site.boot()
        await all_arrive(site, accepted)
        await trio.sleep(SETTLE_SECONDS)
        check_permitted(accepted)
        await site.life.stop(60)
        assert not store.files(f"{SPOOL}/content")
        assert not faults_of_ours(site)
        assert any("cannot write" in text for text in panics(site))
        assert any("writes again" in text for text in panics(site))

    def check_permitted(accepted: Sequence[str]) -> None:
        """What was refused and came all the same was named in the paniclog."""
        named = {word for text in panics(site) if "may appear twice: " in text for word in text.split(": ")[-1].split()}
        assert Counter(delivered(site)).most_common(1)[0][1] == 1
        for name, batch_id in ids_delivered(site):
            assert name in accepted or batch_id in named, name

    site = Site(7, **world)
    site.world.run(main)


def test_a_disk_that_is_really_full() -> None:
    """No injection: the store's room ends; deliveries give it back only when mail is removed."""

    async def main() -> None:
        await site.configure(CONFIG)
        await site.boot()
        first = await posted(site)
        await all_arrive(site, of(first))
        store = site.mx.store
        for room in (20_000, 3000, 300, 0):
            store.capacity = sum(store.files().values()) + room
            told = await posted(site, [Letter(f"{room}-{number}", octets=4000) for number in range(5)])
            assert len(told.answers) == 5
            assert {answer[:9] for answer in told.answers.values()} <= {"250 2.0.0", "452 4.3.1"}
            accepted.extend(f"{subject} bob@example.com" for subject in told.accepted)
        assert told.accepted == []
        store.capacity = 1 << 40
        told = await posted(site, [Letter("last")])
        assert told.accepted == ["last"]
        await all_arrive(site, [*accepted, "last bob@example.com"], 2000)
        site.mx.power_loss()
        await site.boot()
        await trio.sleep(SETTLE_SECONDS)
        assert set(delivered(site)) == {*accepted, *of(first), "last bob@example.com"}
        assert not faults_of_ours(site)

    accepted: list[str] = []
    site = Site(3)
    site.world.run(main)


# A disk that fails for the mailboxes alone, and one that fails for the logs alone

MAIL_FAULTS = {
    "no room": failing((Write,), errno.ENOSPC, MAIL, after_octets=10),
    "no inode": failing((Create, MakeDirectory), errno.ENOSPC, MAIL),
    "writes fail": failing((Write,), errno.EIO, MAIL, after_octets=500),
    "syncs fail": failing((Sync,), errno.EIO, MAIL),
    "syncs fail and forget": failing((Sync,), errno.EIO, MAIL, drop_dirty=True),
    "directories are not synced": failing((SyncDirectory,), errno.EIO, MAIL),
    "read-only": failing((Create, Write, Rename, Link, MakeDirectory), errno.EROFS, MAIL),
    "renames fail": failing((Rename,), errno.EACCES, MAIL),
    "everything fails": failing((Step,), errno.EIO, MAIL),
}


@pytest.mark.parametrize("world", [{}, SLOW], ids=["good network", "bad network"])
@pytest.mark.parametrize("known", [False, True], ids=["first mail", "mailbox known"])
@pytest.mark.parametrize("fault", MAIL_FAULTS)
def test_mail_waits_for_a_mailbox_disk_that_fails(fault: str, known: bool, world: dict[str, Any]) -> None:
    async def main() -> None:
        await site.configure(CONFIG)
        await site.boot()
        wanted: list[str] = []
        if known:
            earlier = [Letter(f"earlier {letter.subject}", letter.forward_paths) for letter in SCRIPT]
            wanted += of(await posted(site, earlier), earlier)
            await all_arrive(site, wanted)
        site.mx.store.inject = MAIL_FAULTS[fault]
        told = await posted(site, SCRIPT)
        assert len(told.accepted) == len(SCRIPT), "the mailboxes are no business of those who bring mail"
        await trio.sleep(50)
        if fault not in ("directories are not synced",):
            assert delivered(site) == sorted(wanted)
        else:
            assert set(delivered(site)) <= {*wanted, *names(SCRIPT)}
        site.mx.store.inject = None
        await all_arrive(site, [*wanted, *names(SCRIPT)])
        await trio.sleep(SETTLE_SECONDS)
        assert delivered(site) == sorted([*wanted, *names(SCRIPT)])
        assert not in_tmp(site)
        assert not faults_of_ours(site)
        await site.life.stop(60)

    site = Site(5, **world)
    site.world.run(main)


LOGS = "/var/log/ecelerity"
LOG_CONFIG = CONFIG + 'ec_logger "ec_logger" { heartbeat = 10 debug_level = DEBUG }\n'
LOG_FAULTS = {
    "full": failing((Append,), errno.ENOSPC, LOGS, after_octets=7),
    "broken": failing((Step,), errno.EIO, LOGS),
    "not to be made": failing((Create, MakeDirectory, Open), errno.EACCES, LOGS),
}


@pytest.mark.parametrize("from_the_start", [False, True])
@pytest.mark.parametrize("fault", LOG_FAULTS)
def test_a_node_lives_without_its_logs(fault: str, from_the_start: bool) -> None:
    async def main() -> None:
        await site.configure(LOG_CONFIG)
        store = site.mx.store
        if from_the_start:
            store.inject = LOG_FAULTS[fault]
        await site.boot()
        store.inject = LOG_FAULTS[fault]
        told = await posted(site)
        await all_arrive(site, names(LETTERS))
        await trio.sleep(200)
        said = [text for text in panics(site) if "log /var/log" in text]
        assert len(said) <= 4, "said once for each file"
        store.inject = None
        await trio.sleep(20)
        written = store.octets(f"{LOGS}/mainlog.ec").decode().splitlines()
        for reply in told.answers.values():
            batch_id = reply.split()[-1]
            assert [line.split("@")[2] for line in written if batch_id in line and "@R@" in line], written
        assert all(line[:10].isdigit() for line in written if line), "no line is torn"
        assert bool(store.octets(f"{LOGS}/paniclog.ec")) == bool(said)  # files open since the start can do without Open
        site.mx.store.inject = LOG_FAULTS[fault]
        await site.life.stop(60)
        assert not faults_of_ours(site)

    site = Site(2)
    site.world.run(main)


# The wall clock


@pytest.mark.parametrize("seed", range(6))
def test_identifiers_never_repeat_whatever_the_clock_does(seed: int) -> None:
    """It is set back and forward, by years too, between lives and under load."""

    async def main() -> None:
        await site.configure(CONFIG)
        draws = random.Random(seed)
        count = 0
        for life in range(6):
            await site.boot()
            for _ in range(3):
                sent = [
                    Letter(f"letter {count + place}", ("bob@example.com", "dave@example.com")) for place in range(3)
                ]
                count += 3
                told = await posted(site, sent)
                assert len(told.accepted) == 3
                site.mx.skew_seconds = draws.choice((-1e9, -86_400, -3600.5, -1, 0, 0.25, 1, 3600, 86_400, 1e9))
            if life % 2:
                site.mx.power_loss()
            else:
                site.mx.kill()
        site.mx.skew_seconds = 0
        await site.boot()
        with trio.fail_after(4000):
            while len(set(delivered(site))) < 2 * count:  # noqa: ASYNC110 (the disk announces nothing)
                await trio.sleep(1)
        received = [record.message_id for _, record in site.world.records if isinstance(record, Received)]
        assert len(received) == len(set(received)) == 2 * count
        connections = {record.connection_id for _, record in site.world.records if isinstance(record, Received)}
        assert len(connections) == count // 3
        assert not faults_of_ours(site)

    site = Site(seed)
    site.world.run(main)


# The same again


def test_a_fault_story_is_the_same_in_every_process() -> None:
    digests = []
    for hash_seed in ("0", "1", "4711"):
        ran = subprocess.run(
            [sys.executable, str(Path(fault_story.__file__)), "11"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.append(ran.stdout)
    assert digests[0].strip()
    assert len(set(digests)) == 1
