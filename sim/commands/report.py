"""What is said of one run, for people."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence import Result, Verdict
from ..show_words import strikes
from ..surroundings import code_hash, hash_seed, versions

VIOLATIONS_MAX = 20
VERDICTS = {
    Verdict.HELD: "held",
    Verdict.BROKEN: "BROKEN",
    Verdict.ESCAPE: "ESCAPE (the simulated program reached for the real world)",
}


def report(result: Result, name: str, cpu_seconds: float) -> Iterator[str]:
    """Line by line: what broke, what struck, what was reached."""
    yield f"{name}, seed {result.seed}: {VERDICTS.get(result.verdict, result.verdict.name)}"
    for violation in result.violations[:VIOLATIONS_MAX]:
        yield f"  {violation.invariant} at {violation.seconds:.3f} s: {violation.text}"
    if len(result.violations) > VIOLATIONS_MAX:
        yield f"  ... and {len(result.violations) - VIOLATIONS_MAX} more"
    yield "Faults:"
    for struck in () if result.evidence is None else result.evidence.struck:
        until = "" if struck.ended in (None, struck.began) else f" (until {struck.ended:.3f} s)"
        yield f"  {struck.began:10.3f} s  {strikes(struck)}{until}"
    marks = ", ".join([f"{mark} {count}" for mark, count in sorted(result.marks.items())])
    yield f"Reached: {marks or 'nothing'}"
    rate = result.seconds / cpu_seconds if cpu_seconds else 0.0
    yield (
        f"{result.seconds:.3f} virtual s, {result.events} events, {result.line_count} lines of trace; "
        f"{cpu_seconds:.2f} CPU s, {rate:.0f} simulated s per CPU s"
    )
    yield f"Digest {result.digest}"


def surroundings() -> str:
    """What a run is a function of besides scenario and seed."""
    return f"Code {code_hash()}, {versions()}, hash seed {hash_seed()}"
