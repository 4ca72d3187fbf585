"""Two traces at their first difference."""

from __future__ import annotations

import pytest

from sim.difference import Difference, describe, first_difference, lines_in_common
from sim.kernel import PREFIX_EVENTS, Kernel

LINES = [f"{number / 10:.9f} mx send conn={number} octets=100" for number in range(20)]


def test_equal_traces() -> None:
    assert first_difference(LINES, list(LINES)) is None
    assert first_difference([], []) is None


def test_the_first_of_many_differences() -> None:
    other = [*LINES[:12], LINES[12] + "0", *LINES[13:15], "x"]
    found = first_difference(LINES, other, context=3)
    assert found == Difference(13, tuple(LINES[9:12]), tuple(LINES[12:16]), (LINES[12] + "0", *LINES[13:15], "x"))
    assert found.place == "host mx, virtual time 1.200000000 s"


@pytest.mark.parametrize("swapped", [False, True])
def test_one_is_the_beginning_of_the_other(swapped: bool) -> None:
    pair = (LINES[:4], LINES) if not swapped else (LINES, LINES[:4])
    found = first_difference(*pair)
    assert found is not None
    assert found.number == 5
    assert (found.one == ()) is not swapped
    assert "(over)" in describe(found, "a.trace", "b.trace")


def test_what_people_read() -> None:
    other = [*LINES[:6], LINES[6].replace("octets=100", "octets=99")]
    found = first_difference(LINES, other)
    assert found is not None
    text = describe(found, "first", "second")
    assert "line 7 (host mx, virtual time 0.600000000 s)" in text
    assert "First different word: octets=100  against  octets=99" in text
    assert f"  > {LINES[6]}" in text
    assert f"    {LINES[5]}" in text


def test_a_line_of_the_world_itself() -> None:
    found = first_difference(["1.0 - scheduler fingerprint=1"], ["1.0 - scheduler fingerprint=2"])
    assert found is not None
    assert found.place == "virtual time 1.0 s"
    assert "the first lines differ" in describe(found, "a", "b")


@pytest.mark.parametrize("at", [0, PREFIX_EVENTS - 1, PREFIX_EVENTS, 3 * PREFIX_EVENTS + 17, 5 * PREFIX_EVENTS])
def test_prefix_digests_say_where_to_look(at: int) -> None:
    def prefixes(different: int | None) -> list[str]:
        kernel = Kernel(1, keep_trace=False)
        for number in range(5 * PREFIX_EVENTS + 10):
            kernel.trace("line", number=-1 if number == different else number)
        return kernel.prefix_digests

    common = lines_in_common(prefixes(None), prefixes(at))
    assert common == at // PREFIX_EVENTS * PREFIX_EVENTS
    assert lines_in_common(prefixes(None), prefixes(None)) == 5 * PREFIX_EVENTS
