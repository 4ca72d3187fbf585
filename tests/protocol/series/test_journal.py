"""Journals as files have them: read back as they were written, and refused where they are not whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.series.journal import FileName, Journal, Reader, condense, encode, file_name, host_of
from momentum_trio.protocol.series.moment import DAY_SECONDS, day_text, is_day, moment_text, second_of
from momentum_trio.protocol.series.strategies import DAY, days, file_names, journals, seconds

WRITTEN = Journal(
    "spam", DAY, DAY + 900, {host_of("2001:db8::1"): 3, host_of("192.0.2.1"): 35217, host_of("9.0.0.1"): 0}
)
OCTETS = b"""\
momentum-series 1 spam 20080424T000000 20080424T001500
192.0.2.1 35217
2001:db8::1 3
.
"""
NAME = FileName("spam.20080424T001500", "spam", DAY + 899, DAY + 900, False)


def test_it_is_written_like_this() -> None:
    assert encode(WRITTEN) == OCTETS
    assert file_name(WRITTEN.file_name) == NAME
    assert list(Reader().read(NAME, OCTETS)) == [
        Journal("spam", DAY, DAY + 900, {(4, 0xC0000201): 35217, host_of("2001:db8::1"): 3})
    ]


@given(journals())
def test_it_is_read_back(journal: Journal) -> None:
    name = file_name(journal.file_name)
    assert name is not None
    assert list(Reader().read(name, encode(journal))) == [journal]


@given(journals(), st.data())
def test_what_is_cut_off_is_not_taken_for_whole(journal: Journal, data: st.DataObject) -> None:
    name, octets = file_name(journal.file_name), encode(journal)
    assert name is not None
    with pytest.raises(ValueError, match="cut off"):
        list(Reader().read(name, octets[: data.draw(st.integers(1, len(octets) - 1))]))


@given(days)
def test_those_of_a_day_are_read_back_from_one_file(of_day: list[Journal]) -> None:
    of_day = [Journal("spam", each.begin, each.end, each.counts) for each in of_day]
    name = file_name("spam.20080424.gz")
    assert name is not None
    octets = condense(of_day)
    assert list(Reader().read(name, octets)) == of_day
    for wrong in (octets[:-1], octets + b"x"):
        with pytest.raises(ValueError, match="another end"):
            list(Reader().read(name, wrong))


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (OCTETS.replace(b"spam", b"virus"), "does not begin"),
        (OCTETS.replace(b"series 1", b"series 2"), "does not begin"),
        (OCTETS.replace(b"T001500", b"T001501"), "does not belong"),
        (OCTETS.replace(b"T000000", b"T001500"), "does not belong"),
        (OCTETS.replace(b"192.0.2.1 ", b"192.0.2.256 "), "is not an IPv4"),
        (OCTETS.replace(b"35217", b"-1"), "a line"),
        (OCTETS.replace(b"35217", b"9223372036854775808"), "a line"),
        (OCTETS.replace(b"2001:db8::1", b"192.0.2.1"), "an address twice"),
        (OCTETS + b"more\n", "cut off"),
        (b"\xff\n.\n", "ascii"),
    ],
)
def test_what_is_none_is_refused(octets: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(Reader().read(NAME, octets))


@pytest.mark.parametrize(
    "text",
    ["spam", "spam.20080424", ".20080424T001500", "spam.20080424T001500.new", "spam.20081301.gz", "a/b.20080424.gz"],
)
def test_other_files_in_the_folder_are_nobodys(text: str) -> None:
    assert file_name(text) is None


@given(file_names)
def test_a_name_says_which_intervals_may_be_in_it(text: str) -> None:
    if (name := file_name(text)) is not None:
        moment = day_text(name.begin) if name.is_day else moment_text(name.end)
        assert text == f"{name.series}.{moment}{'.gz' * name.is_day}"
        assert name.day <= name.end - 1 < name.day + DAY_SECONDS


@given(seconds)
def test_moments_are_read_back(second: int) -> None:
    assert second_of(moment_text(second)) == second
    assert second - DAY_SECONDS < second_of(day_text(second)) <= second
    assert [is_day(day_text(second)), is_day(moment_text(second))] == [True, False]
