"""``python tests/spool/measure_million.py [MESSAGES]``: what a spool with so many queued messages costs to open.

Messages of 1 KiB with one recipient each, in 10,000 domains, two thirds of them postponed with one of a thousand
reasons. Filled and opened in two processes, so that each peak is its own; about 1.3 KiB of disk a message, removed at
the end.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trio

from momentum_trio.machine.os_machine import os_machine
from momentum_trio.spool.spool import Batch, Message, Retry, Spool, SpoolTerms, open_spool

MESSAGES = 1_000_000
SESSIONS = 1000
DOMAINS, REASONS = 10_000, 1000
CONTENT = b"Subject: x\r\n\r\n" + (b"0123456789" * 7 + b"\r\n") * 14
HELD_SAMPLE = 1000
KIBIBYTES_OF_MEBIBYTE = 1024


def batch(spool: Spool, number: int) -> Batch:
    """One message."""
    batch_id = spool.next_id()
    messages = (Message(batch_id, f"user{number}@domain{number % DOMAINS}.example"),)
    received_at = 1_700_000_000.0 + number
    return Batch(
        batch_id, batch_id, received_at, f"news{number % 50}@sender.example", messages, 0, "192.0.2.1", "esmtp"
    )


async def submit(spool: Spool, numbers: range) -> None:
    """One session."""
    postponed: list[tuple[int, Retry]] = []
    for number in numbers:
        async with spool.begin() as entry:
            await entry.write(CONTENT)
            receipt = await spool.commit(entry, batch(spool, number))
        if number % 3:
            reason = f"450 4.2.{number % 10} mailbox {number % REASONS} is full"
            postponed.append((receipt.tickets[0], Retry(1 + number % 7, 1_800_000_000.0 + number, 0, reason)))
    await spool.settle([], postponed)


async def fill(terms: SpoolTerms, count: int) -> None:
    began = time.perf_counter()
    async with open_spool(os_machine(), terms) as spool, trio.open_nursery() as sessions:
        for first in range(SESSIONS):
            sessions.start_soon(submit, spool, range(first, count, SESSIONS))
    seconds = time.perf_counter() - began
    print(f"filled:  {seconds:6.1f} s, {count / seconds:,.0f} commits a second")


def peak_octets() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTES_OF_MEBIBYTE


def resident_octets() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def open_it(terms: SpoolTerms, count: int) -> None:
    before, began, began_cpu = resident_octets(), time.perf_counter(), time.process_time()
    async with open_spool(os_machine(), terms) as spool:
        seconds, cpu, opened = time.perf_counter() - began, time.process_time() - began_cpu, resident_octets()
        peak = peak_octets()
        began = time.perf_counter()
        owed = sum(1 for _ in spool.owed())
        handed = time.perf_counter() - began
        assert owed == spool.batches_in_custody == count
        began = time.perf_counter()
        for ticket in range(0, count, max(1, count // HELD_SAMPLE)):
            assert await spool.content((await spool.held(ticket)).batch.batch_id) == CONTENT
        read = (time.perf_counter() - began) / HELD_SAMPLE
    print(f"opened:  {seconds:6.1f} s, {cpu:.1f} s of CPU; handed to the queue in {handed:.1f} s")
    print(
        f"memory:  {peak / 1e6:6.0f} MB at the peak of opening, {(opened - before) / count:.0f} octets a message kept"
    )
    print(f"read:    {read * 1000:6.2f} ms a message")


STEPS = {"fill": fill, "open": open_it}


def main() -> None:
    if sys.argv[2:]:
        trio.run(STEPS[sys.argv[2]], SpoolTerms(sys.argv[3]), int(sys.argv[1]))
        return
    count = sys.argv[1] if sys.argv[1:] else str(MESSAGES)
    base = tempfile.mkdtemp(prefix="measure_million-")
    try:
        for step in STEPS:
            subprocess.run([sys.executable, __file__, count, step, base], check=True)
        octets = sum(path.stat().st_size for path in Path(base).rglob("*.log"))
        print(f"on disk: {octets / 1e6:6.0f} MB")
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
