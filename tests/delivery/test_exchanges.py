"""Laws of the order in which hosts are tried (RFC 5321 section 5.1)."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.delivery.exchanges import ADDRESSES_MAX, Exchange, Host, best_only, better_than_ours, in_order

names = st.sampled_from([f"mx{number}" for number in range(6)])
ranks = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 1))
exchanges = st.builds(Exchange, names, ranks, named=st.booleans())
addresses = st.sampled_from([f"10.0.0.{n}" for n in range(1, 20)] + [f"fd00::{n}" for n in range(1, 20)])
hosts = st.builds(Host, exchanges, st.lists(addresses, max_size=15, unique=True).map(tuple))
weights = st.dictionaries(addresses, st.floats(0.01, 100.0))


@given(st.lists(hosts, max_size=6), st.integers(), weights)
def test_a_lower_preference_comes_first_and_no_host_is_forgotten(
    given_hosts: list[Host], seed: int, weight: dict[str, float]
) -> None:
    ordered = in_order(given_hosts, random.Random(seed).random, lambda host, address: weight.get(address, 1.0))
    assert [host.exchange.rank for host, _ in ordered] == sorted(host.exchange.rank for host, _ in ordered)
    wanted = Counter({host: 0 for host in given_hosts if host.addresses})
    for host in given_hosts:
        if host.addresses:
            wanted[host] += min(len(host.addresses), ADDRESSES_MAX)
    assert Counter(host for host, _ in ordered) == wanted
    assert all(address in host.addresses for host, address in ordered)


@given(st.lists(addresses, min_size=1, max_size=15, unique=True), st.integers())
def test_families_take_turns_until_one_is_used_up(given_addresses: list[str], seed: int) -> None:
    host = Host(Exchange("mx", (0, 0, 0)), tuple(given_addresses))
    ordered = [":" in address for _, address in in_order([host], random.Random(seed).random, lambda *_: 1.0)]
    fewer = min(sum(":" in address for address in given_addresses), sum("." in address for address in given_addresses))
    turns = ordered[: 2 * fewer]
    assert all(turns[place] != turns[place + 1] for place in range(len(turns) - 1))


@given(st.lists(exchanges, max_size=8), st.frozensets(names, max_size=2))
def test_nothing_that_remains_is_as_bad_as_ours(given_exchanges: list[Exchange], ours: frozenset[str]) -> None:
    left = better_than_ours(given_exchanges, ours)
    own = [exchange.rank for exchange in given_exchanges if exchange.name in ours and not exchange.named]
    assert all(exchange.named or exchange.rank < min(own, default=(9, 9, 9)) for exchange in left)
    if not own:
        assert list(left) == given_exchanges


@given(st.lists(exchanges, min_size=1, max_size=8))
def test_the_best_are_of_one_preference(given_exchanges: list[Exchange]) -> None:
    best = best_only(given_exchanges)
    assert {exchange.rank for exchange in best} == {min(exchange.rank for exchange in given_exchanges)}


@pytest.mark.parametrize(("weight", "share"), [(1.0, 1 / 2), (4.0, 4 / 5), (0.25, 1 / 5)])
def test_the_odds_are_those_of_the_weights(weight: float, share: float) -> None:
    pair = [Host(Exchange(name, (0, 0, 0)), (address,)) for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2"))]
    draw = random.Random(1).random
    first = Counter(
        in_order(pair, draw, lambda host, _: weight if host.exchange.name == "a" else 1.0)[0][0].exchange.name
        for _ in range(5000)
    )
    assert abs(first["a"] / 5000 - share) < 0.03
