"""Any octets are a script or are refused with a line that they have; a script that is read sends what stands in it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from momentum_trio.protocol.rehearsal import strategies
from momentum_trio.protocol.rehearsal.recording import Content, Line
from momentum_trio.protocol.rehearsal.script import ScriptError, Step, parse


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying."""
    return strategies.scripts | st.binary(max_size=100)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    lines = octets.count(b"\n") + 1
    steps = _read(octets)
    if isinstance(steps, ScriptError):
        assert 1 <= steps.number <= lines
        return
    assert steps[0].said is None
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    for step in steps:
        assert all(1 <= expectation.number <= lines for expectation in step.expected)
        if isinstance(step.said, Line):
            assert step.said.octets in octets
            assert b"\n" not in step.said.octets
        if isinstance(step.said, Content):
            assert step.said.is_possible


def _read(octets: bytes) -> Sequence[Step] | ScriptError:
    try:
        return parse(octets)
    except ScriptError as wrong:
        return wrong
