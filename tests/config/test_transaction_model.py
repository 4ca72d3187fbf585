"""Transactions and write-back against a reference model, and what the first commit may change of the second."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz.config_transaction import FILES, MAIN, PATHS, SCHEMA, run, said, strategy
from momentum_trio.config.difference import OptionDiffers, ScopeGone, differences
from momentum_trio.config.load import load_text
from momentum_trio.config.transaction import Change, ConfigConflict, Transaction

TREE = load_text(FILES, MAIN, schema=SCHEMA)
lawful = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

changes = st.lists(
    st.builds(
        Change, st.sampled_from(PATHS), st.sampled_from(["max_retries", "gateway"]), st.sampled_from(["1", "2", None])
    )
    | st.builds(Change, st.sampled_from(PATHS[1:3]), st.none(), st.none()),
    max_size=5,
)


@lawful
@given(strategy())
@example(bytes((0, 1, 1, 1, 8, 0, 9, 0, 2, 0, 3, 0)))
@example(bytes((0, 8, 9, 1, 2, 0)))  # from scratch, while somebody sets what is set already
@example(bytes.fromhex("320101010101020239010300"))  # a scope that the transaction itself made and removed
def test_the_model_agrees(octets: bytes) -> None:
    run(octets)


def made(wanted: list[Change]) -> Transaction:
    """A transaction with those of *wanted* that can be made."""
    transaction = Transaction(TREE)
    for change in wanted:
        if change.option is not None or transaction.tree.scope(change.path) is not None:
            transaction.add(change)
    return transaction


@lawful
@given(changes, changes)
def test_where_nothing_conflicts_nothing_is_lost(one: list[Change], other: list[Change]) -> None:
    """What the first changed stays, what the second said holds; the other order, where possible, gives the same.

    That is why the second may be made on what the first has made.
    """
    first, second = made(one), made(other)
    try:
        result = second.committed(first.tree)
    except ConfigConflict:
        return
    for difference in differences(TREE.root, first.tree.root):
        if isinstance(difference, OptionDiffers):
            mine = result.get(difference.path, difference.option)
            assert (mine and mine.value) == (difference.after and difference.after.value)
        else:
            assert (result.scope(difference.path) is None) == isinstance(difference, ScopeGone)
    for change in second.changes:
        if change.option is not None:
            (mine, both) = (tree.get(change.path, change.option) for tree in (second.tree, result))
            assert (mine and mine.value) == (both and both.value)
    try:
        assert said(first.committed(second.tree).root) == said(result.root)
    except ConfigConflict:
        pass


@pytest.mark.parametrize(
    ("first", "second", "said_of_it"),
    [
        (Change((), "gateway", "1"), Change((), "gateway", "1"), "Gateway has been set"),
        (Change((), "max_retries", None), Change((), "max_retries", "5"), "Max_Retries has been unset"),
        (Change(PATHS[1], None, None), Change(PATHS[1], "gateway", "5"), "Domain x.example has been removed"),
        (Change(PATHS[1], "gateway", "5"), Change(PATHS[1], None, None), "Domain x.example Gateway has been set"),
        (Change(PATHS[3], None, None), Change(PATHS[4], "gateway", "5"), "Binding b has been removed"),
    ],
)
def test_conflicts_are_told(first: Change, second: Change, said_of_it: str) -> None:
    with pytest.raises(ConfigConflict) as raised:
        made([second]).committed(made([first]).tree)
    assert raised.value.conflicts == (said_of_it,)
