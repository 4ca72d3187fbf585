"""Runs that go as their seed says, for the tests of campaigns: their workers import them by name."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from dataclasses import replace

from sim.evidence import Result, Verdict, Violation
from sim.kernel import Kernel
from sim.scenario import Fault, FaultKind, HostPlan, Mail, Program, Scenario, Swarm

LINES = 3_500
WORDS = frozenset({"alpha", "beta", "gamma", "delta", "epsilon", "zeta"})

SCENARIO = Scenario(
    (HostPlan("mx", ("10.0.0.1",), config="/etc/ecelerity.conf"), HostPlan("client", ("10.0.0.2",), Program.CLIENT)),
    swarm=Swarm((FaultKind.KILL,)),
)


def draw(scenario: Scenario, seed: int) -> Scenario:
    """One mail, one fault."""
    mail = Mail(f"m{seed}", 1.0, "client", "mx", 25, ("a@example.com",))
    return replace(scenario, swarm=None, mails=(mail,), faults=(Fault(FaultKind.KILL, 2.0, ("mx",), 1.0),))


def run(scenario: Scenario, seed: int, *, keep_trace: bool = False) -> Result:
    """Seeds that 7 divides lose a message, those that 10 divides leak; the others hold."""
    assert scenario.concrete
    violations = []
    if seed % 7 == 0:
        violations.append(Violation("no_accepted_lost", f"m{seed} was accepted and is nowhere", 3.0, f"m{seed}"))
    if seed % 10 == 0:
        violations.append(Violation("no_leak", "2 sockets more than before", 9.0, host="mx"))
    return _result(scenario, seed, tuple(violations), "the same", keep_trace)


def run_in_hash_order(scenario: Scenario, seed: int, *, keep_trace: bool = False) -> Result:
    """Seed 3 asks a set for its order."""
    return _result(scenario, seed, (), " ".join(WORDS) if seed == 3 else "the same", keep_trace)


def run_badly(scenario: Scenario, seed: int, *, keep_trace: bool = False) -> Result:
    """Seed 2 escapes, seed 4 kills its process, seed 5 raises; the others hold."""
    if seed == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == 5:
        raise RuntimeError("a bug of the simulator")
    result = _result(scenario, seed, (), "the same", keep_trace)
    print("code under test may print")
    return replace(result, verdict=Verdict.ESCAPE) if seed == 2 else result


def run_for_ever(scenario: Scenario, seed: int, *, keep_trace: bool = False) -> Result:
    """Never over."""
    while True:
        time.sleep(60)


def _result(scenario: Scenario, seed: int, violations: tuple[Violation, ...], word: str, keep_trace: bool) -> Result:
    kernel = Kernel(seed, keep_trace=keep_trace)
    for number in range(LINES):
        kernel.trace("event", "mx", number=number, word=word if number == 2_345 else "-")
    verdict = Verdict.BROKEN if violations else Verdict.HELD
    marks = {"fault.kill": 1, f"residue.{hashlib.md5(str(seed).encode()).digest()[0] % 2}": 1}
    trace = tuple(str(line) for line in kernel.lines)
    return Result(
        scenario,
        seed,
        verdict,
        violations,
        kernel.digest(),
        kernel.line_count,
        tuple(kernel.prefix_digests),
        12.5,
        LINES,
        marks,
        trace,
    )
