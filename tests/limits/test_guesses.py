"""Guesses: counted by address when they begin, given back when they were right."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
import trio
from trio.testing import MockClock

from momentum_trio.limits.guesses import GUESS_SECONDS, GUESSES_AT_ONCE, Guesses
from momentum_trio.limits.local import LocalState


def of(limits: LocalState, address: str, service: str = "Control") -> Guesses:
    return Guesses(limits, service, ip_address(address))


async def test_a_number_at_once_then_one_after_the_other(autojump_clock: MockClock) -> None:
    guesses = of(LocalState("here"), "192.0.2.7")
    assert [guesses.begin() for _ in range(GUESSES_AT_ONCE)] == [0.0] * GUESSES_AT_ONCE
    assert guesses.begin() == pytest.approx(GUESS_SECONDS)
    await trio.sleep(GUESS_SECONDS)
    assert guesses.begin() == 0.0
    assert guesses.begin() > 0


async def test_right_ones_are_not_counted() -> None:
    guesses = of(LocalState("here"), "192.0.2.7")
    for _ in range(10 * GUESSES_AT_ONCE):
        assert guesses.begin() == 0.0
        guesses.was_right()


async def test_a_right_one_does_not_excuse_the_wrong_ones(autojump_clock: MockClock) -> None:
    guesses = of(LocalState("here"), "192.0.2.7")
    for _ in range(GUESSES_AT_ONCE - 1):
        guesses.begin()
    assert guesses.begin() == 0.0
    guesses.was_right()
    assert guesses.begin() == 0.0
    assert guesses.begin() > 0


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
async def test_whose_guesses_count_together(one: str, other: str, together: bool) -> None:
    limits = LocalState("here")
    while not of(limits, one).begin():
        pass
    assert bool(of(limits, other).begin()) is together
    assert of(limits, one, "SMTP").begin() == 0.0


async def test_addresses_that_are_remembered_are_bounded() -> None:
    limits = LocalState("here", keys_max=100)
    for number in range(1000):
        of(limits, f"10.0.{number // 256}.{number % 256}").begin()
    assert len(limits._free_at) <= 100
