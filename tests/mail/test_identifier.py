"""Identifiers as they are given out, beside the plain form of one."""

from __future__ import annotations

from momentum_trio.mail.identifier import PER_SECOND_MAX, Identifiers, identifier, second_of

SECOND = 0x4AC1DD6C


def test_all_of_a_second_and_the_first_of_the_next() -> None:
    source = Identifiers(2001, 0)
    given = [source.next(SECOND + 0.5) for _ in range(PER_SECOND_MAX + 1)]
    assert given[:-1] == [identifier(SECOND, 2001, count) for count in range(PER_SECOND_MAX)]
    assert given[-1] == identifier(SECOND + 1, 2001, 0)
    assert second_of(given[-1]) == SECOND + 1
