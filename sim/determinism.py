"""Determinism as a campaign: one seed in many processes is one run, and many seeds are as many runs.

Each process has hash orders of its own, and its objects lie at random addresses where the kernel can be told so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from .surroundings import fix_addresses, hash_seed_of
from .swarm import Worker, explain
from .swarm_worker import Outcome, Task

SHOWN = 4  # hash seeds of one digest


def in_processes(task: Task, seeds: Sequence[int], jobs: int) -> list[Outcome]:
    """Run each of *seeds* (one of them may stand there many times) in a process of its own, *jobs* at a time."""
    hash_seeds = [hash_seed_of(seed, f"process {number}") for number, seed in enumerate(seeds)]
    with ThreadPoolExecutor(jobs, initializer=partial(fix_addresses, False)) as pool:
        try:
            return list(pool.map(partial(_in_process, task), seeds, hash_seeds))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise


def _in_process(task: Task, seed: int, hash_seed: int) -> Outcome:
    worker = Worker(task, hash_seed)
    answer = worker.ask(seed)
    outcome = answer if isinstance(answer, Outcome) else worker.how_it_failed(seed)
    worker.end()
    return outcome


def by_digest(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes that are the same run, by digest and in the order in which they came."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.digest, []).append(outcome)
    return found


def how_they_part(task: Task, found: dict[str, list[Outcome]]) -> Iterator[str]:
    """For people: each digest of one seed, and the first event at which two of its runs part."""
    for digest, outcomes in found.items():
        hash_seeds = ", ".join([outcome.hash_seed for outcome in outcomes[:SHOWN]])
        more = " ..." if len(outcomes) > SHOWN else ""
        count = counted(len(outcomes), "process", "processes")
        yield f"  {digest or 'no digest'}: {count}, hash seeds {hash_seeds}{more}"
    one, other = [outcomes[0] for outcomes in list(found.values())[:2]]
    yield explain(task, one, other)


def counted(count: int, one: str, many: str) -> str:
    """``1 digest``, ``2 digests``."""
    return f"{count} {one if count == 1 else many}"
