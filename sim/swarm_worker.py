"""A process that runs seeds one after the other, as it is told over a pipe, and says how each one ended.

It reads pickled values from its standard input: a ``Task``, then seeds and requests; it answers each with one pickled
value on its standard output. Whatever the code under test prints goes to standard error.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from .evidence import Result, Verdict, Violation
from .kernel import SimulationFailure
from .scenario import Scenario
from .shrink import NotBroken, Shrunk, shrink
from .surroundings import hash_seed

FAILED = "simulator_failed"  # the invariant of a run that raised instead of giving a result
TEXT_MAX = 4_000  # of what is said about a failure


@dataclass(frozen=True, slots=True)
class Task:
    """What is run. run, draw, readable: ``module:name`` of what makes a result of a scenario, a concrete scenario of
    one, and says whether a shrunk one could be written and read: a worker imports what it is asked for, no more.

    looking_for: names of checks, if not all are meant: as ``run`` has it.
    """

    scenario: Scenario
    run: str = "sim.run:run"
    draw: str = "sim.draw:draw"
    readable: str = "sim.scenario_again:can_be_read"
    looking_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """Run that seed and answer with at most *count* lines of its trace from the line *first* on (the first is 0)."""

    seed: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Run that seed of another, concrete, scenario than the task's. whole: all checks are meant."""

    scenario: Scenario
    seed: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class ShrinkRequest:
    """Shrink a concrete scenario that breaks *invariant* under *seed*. path: where it will be saved."""

    scenario: Scenario
    seed: int
    invariant: str
    path: str


@dataclass(frozen=True, slots=True)
class ShrinkOutcome:
    """What came of it: *small*, or None and what was wrong."""

    small: Shrunk | None
    trouble: str
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the run of one seed ended: what a campaign needs of a ``Result``.

    scenario: the concrete one, if it failed.
    """

    seed: int
    hash_seed: str
    verdict: Verdict
    violations: tuple[Violation, ...]
    digest: str = ""
    line_count: int = 0
    prefixes: tuple[str, ...] = ()
    seconds: float = 0.0
    events: int = 0
    cpu_seconds: float = 0.0
    marks: dict[str, int] = field(default_factory=dict)
    scenario: Scenario | None = None


def serve() -> None:
    """The process: until its standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the campaign says when to end
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    gc.disable()
    task: Task = pickle.load(requests)
    while True:
        try:
            asked = pickle.load(requests)
        except EOFError:
            return
        pickle.dump(_answer(task, asked), answers)
        answers.flush()
        gc.collect()  # between runs, so that no finaliser runs inside one


Request = int | RunRequest | ShrinkRequest | TraceRequest
Answer = Outcome | ShrinkOutcome | tuple[str, ...]


def _answer(task: Task, asked: Request) -> Answer:
    if isinstance(asked, ShrinkRequest):
        return shrunk(task, asked)
    if isinstance(asked, TraceRequest):
        return traced(task, asked)
    if isinstance(asked, RunRequest):
        looking_for = () if asked.whole else task.looking_for
        return outcome(replace(task, scenario=asked.scenario, looking_for=looking_for), asked.seed)
    return outcome(task, asked)


def outcome(task: Task, seed: int) -> Outcome:
    """Run *seed*. What goes wrong with the simulator itself is an outcome too."""
    began, scenario = time.process_time(), task.scenario
    try:
        scenario = _concrete(task, seed)
        result = _run(task, scenario, seed, keep_trace=False)
    except Exception as error:  # noqa: BLE001  whatever it is, the campaign goes on and tells of it
        said = "".join(traceback.format_exception(error))[-TEXT_MAX:]
        violation = Violation(FAILED, said)
        spent = time.process_time() - began
        return Outcome(seed, hash_seed(), Verdict.BROKEN, (violation,), cpu_seconds=spent, scenario=scenario)
    return Outcome(
        seed,
        hash_seed(),
        result.verdict,
        result.violations,
        result.digest,
        result.line_count,
        result.prefixes,
        result.seconds,
        result.events,
        time.process_time() - began,
        result.marks,
        None if result.verdict is Verdict.HELD else result.scenario,
    )


def shrunk(task: Task, asked: ShrinkRequest) -> ShrinkOutcome:
    """Shrink, with the evidence of each run, and say how it goes on standard error."""
    began, small, trouble = time.process_time(), None, ""

    def once(scenario: Scenario, seed: int, looking_for: tuple[str, ...] = ()) -> Result:
        gc.collect()  # a shrinking is hundreds of runs, and none of them needs what those before have left
        result: Result = named(task.run)(scenario, seed, keep_evidence=True, looking_for=looking_for)
        return result

    try:
        small = shrink(
            asked.scenario,
            asked.seed,
            asked.invariant,
            once,
            brief=partial(once, looking_for=(asked.invariant,)),
            sensible=partial(named(task.readable), path=asked.path),
            say=partial(print, flush=True),
        )
    except (NotBroken, SimulationFailure) as fault:
        trouble = str(fault)
    return ShrinkOutcome(small, trouble, time.process_time() - began)


def traced(task: Task, asked: TraceRequest) -> tuple[str, ...]:
    """A part of a trace."""
    trace = _run(task, _concrete(task, asked.seed), asked.seed, keep_trace=True).trace
    return tuple([str(line) for line in trace[asked.first : asked.first + asked.count]])


def _concrete(task: Task, seed: int) -> Scenario:
    if task.scenario.concrete:
        return task.scenario
    drawn: Scenario = named(task.draw)(task.scenario, seed)
    return drawn


def _run(task: Task, scenario: Scenario, seed: int, *, keep_trace: bool) -> Result:
    brief = {"looking_for": task.looking_for} if task.looking_for else {}
    result: Result = named(task.run)(scenario, seed, keep_trace=keep_trace, **brief)
    return result


def named(place: str) -> Callable[..., Any]:
    """What ``module:name`` stands for."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found
