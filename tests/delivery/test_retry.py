"""When a deferred message is tried again, and when no more: tables over the options."""

from __future__ import annotations

import math

import pytest
from delivery_world import Tree
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.delivery.delivery_options import DelayNoticeOptions, DeliveryOptions
from momentum_trio.delivery.retry import (
    EXPIRED,
    OUT_OF_RETRIES,
    lives_on,
    notice_age_seconds,
    retries_max,
    verdict,
    wait_seconds,
)


def options(**values: str) -> DeliveryOptions:
    return DeliveryOptions.resolve(Tree({"": values}).chain_outbound("", "", ""))


@pytest.mark.parametrize(
    ("values", "retries", "age", "expected"),
    [
        ({}, 0, 0, 1200),
        ({}, 1, 1200, 2400),
        ({}, 5, 40000, 38400),
        ({}, 5, 80000, 6400),  # one last attempt at the end of its time
        ({}, 6, 86400, EXPIRED),
        ({"Max_Retry_Interval": "1800"}, 3, 100, 1800),
        ({"Max_Retries": "2"}, 1, 100, 2400),
        ({"Max_Retries": "2"}, 2, 100, OUT_OF_RETRIES),
        ({"Max_Retries": "0"}, 0, 0, OUT_OF_RETRIES),
        ({"Max_Retries": "none"}, 1000, 100, 43200),
        ({"Max_Retries": "auto"}, 7, 100, OUT_OF_RETRIES),  # flushed again and again
        ({"Max_Retries": "9"}, 1, 86400, EXPIRED),
        ({"Never_Retry": "true"}, 0, 0, OUT_OF_RETRIES),
        ({"Retry_Interval": "0"}, 0, 0, 1.0),
    ],
)
def test_what_follows_a_failure(values: dict[str, str], retries: int, age: float, expected: float | str) -> None:
    assert verdict(options(**values), retries, age) == expected


intervals = st.integers(1, 5000)


@given(intervals, intervals, st.integers(1, 700_000))
def test_auto_is_the_number_of_retries_of_a_message_that_nobody_flushes(
    interval: int, longest: int, expiration: int
) -> None:
    held = options(Retry_Interval=str(interval), Max_Retry_Interval=str(longest), Message_Expiration=str(expiration))
    at, retries = 0.0, 0
    while lives_on(held, at) > 0 and retries < 3000:
        at += min(wait_seconds(held, retries), lives_on(held, at))
        retries += 1
    if retries < 3000:
        assert retries_max(held) == retries
    assert retries_max(held) >= retries


def test_none_is_without_end() -> None:
    assert retries_max(options(Max_Retries="none")) == math.inf


@pytest.mark.parametrize(
    ("longest", "ages"),
    [
        ("43200", [3600, 3 * 3600, 7 * 3600, 15 * 3600, 27 * 3600, 39 * 3600]),
        ("3600", [3600, 7200, 10800]),
        ("0", [3600, 3 * 3600, 7 * 3600, 15 * 3600, 31 * 3600]),
    ],
)
def test_senders_are_told_of_delays_less_and_less_often(longest: str, ages: list[int]) -> None:
    tree = Tree({"": {"Delay_DSN_Retry_Interval": "3600", "Delay_DSN_Max_Retry_Interval": longest}})
    held = DelayNoticeOptions.resolve(tree.chain_outbound("", "", ""))
    assert [notice_age_seconds(held, notices) for notices in range(len(ages))] == ages
