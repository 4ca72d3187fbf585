"""cidr_maintain.conf, and what is done by it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.series.journal import FileName, file_name
from momentum_trio.protocol.series.moment import DAY_SECONDS
from momentum_trio.protocol.series.strategies import DAY, file_names
from momentum_trio.protocol.series.upkeep import Upkeep, configured, work

MANUAL = """
# Auto-Discover series cidr databases to maintain
auto = true
# series = rbl zombie
retention = 30
condense = 0
basedir = "/var/log/eccluster/aslogger"
"""


@pytest.mark.parametrize(
    ("text", "upkeep"),
    [
        ("", Upkeep()),
        (MANUAL, Upkeep()),
        ('auto = "false"\nseries = "rbl"\ncondense = 30\nretention = 60',
         Upkeep(series=frozenset(["rbl"]), retention_days=60, condense_days=30)),
        ("series = rbl zombie", Upkeep()),
        ("auto = no\nSeries = rbl, zombie # both", Upkeep(series=frozenset(["rbl", "zombie"]))),
        ("condense = off", Upkeep(condense_days=None)),
        ("basedir = /x/", Upkeep("/x")),
    ],
)  # fmt: skip
def test_what_it_says(text: str, upkeep: Upkeep) -> None:
    assert configured(text) == upkeep


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\nretain = 3", "line 2: 'retain' is none of: auto, series, retention, condense, basedir"),
        ("retention = soon", "line 1: expected a number of days up to 100000, not 'soon'"),
        ("auto", "line 1: expected NAME = VALUE"),
        ("auto = maybe", "line 1: expected true or false, not 'maybe'"),
        ("series = a/b", "line 1: 'a/b' is no name of a series"),
        ("basedir = here", "line 1: basedir is the absolute path of a folder"),
    ],
)
def test_what_is_wrong_with_it(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        configured(text)


NOW = DAY + 10 * DAY_SECONDS + 60  # 2008-05-04, a minute past midnight


@pytest.mark.parametrize(
    ("upkeep", "removed", "condensed"),
    [
        (Upkeep(), [], {"spam.20080424.gz": ["spam.20080424T120000", "spam.20080425T000000"],
                        "spam.20080503.gz": ["spam.20080503T120000", "spam.20080504T000000"],
                        "virus.20080503.gz": ["virus.20080503T120000"]}),
        (Upkeep(condense_days=1), [], {"spam.20080424.gz": ["spam.20080424T120000", "spam.20080425T000000"]}),
        (Upkeep(condense_days=None, retention_days=9),
         ["spam.20080424.gz", "spam.20080424T120000", "spam.20080425T000000"], {}),
        (Upkeep(series=frozenset(["virus"]), retention_days=0), ["virus.20080503T120000"], {}),
    ],
)  # fmt: skip
def test_what_is_due(upkeep: Upkeep, removed: list[str], condensed: dict[str, list[str]]) -> None:
    texts = (
        "spam.20080424T120000", "spam.20080425T000000", "spam.20080424.gz", "spam.20080503T120000",
        "spam.20080504T000000", "spam.20080504T000100", "virus.20080503T120000",
    )  # fmt: skip
    due = work([name for name in map(file_name, texts) if name is not None], upkeep, NOW)
    assert [name.text for name in due.remove] == removed
    assert {day: [name.text for name in some] for day, some in due.condense.items()} == condensed


@given(
    st.lists(file_names, max_size=9, unique=True),
    st.integers(0, 3),
    st.none() | st.integers(0, 3),
    st.integers(DAY - DAY_SECONDS, DAY + 9 * DAY_SECONDS),
)
def test_nothing_is_lost_before_its_time(texts: list[str], retention: int, condense: int | None, now: int) -> None:
    names = [name for name in map(file_name, texts) if name is not None]
    due = work(names, Upkeep(retention_days=retention, condense_days=condense), now)
    assert all(name.end <= now - retention * DAY_SECONDS for name in due.remove)
    together = [name for some in due.condense.values() for name in some]
    assert len(set(together)) == len(together)
    assert not set(together) & set(due.remove)
    for day, some in due.condense.items():
        whole = file_name(day)
        assert isinstance(whole, FileName)
        assert all(whole.begin < name.end <= whole.end <= now and name.series == whole.series for name in some)
