"""Questions about series: what each of them means, and what is said of those that mean nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from momentum_trio.net.netblock import Netblock
from momentum_trio.protocol.series.moment import DAY_SECONDS
from momentum_trio.protocol.series.question import EVER, Aggregate, Available, CacheDetails, Count, Question, parse
from momentum_trio.protocol.series.strategies import DAY, questions

ALL = Netblock.parse("0.0.0.0/0")
SPAM = "show count for 0.0.0.0/0 in spam"
NOON = DAY + DAY_SECONDS // 2


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("show available", Available()),
        ("SHOW  Available", Available()),
        ("cache details", CacheDetails()),
        (SPAM, Count(ALL, ("spam",))),
        (f"{SPAM} since 20080424", Count(ALL, ("spam",), begin=DAY)),
        (f"{SPAM} since 20080424T120000", Count(ALL, ("spam",), begin=NOON)),
        (f"{SPAM} on 20080424", Count(ALL, ("spam",), begin=DAY, end=DAY + DAY_SECONDS)),
        (f"{SPAM} from 20080424 to 20080424", Count(ALL, ("spam",), begin=DAY, end=DAY + DAY_SECONDS)),
        (f"{SPAM} from 20080424T120000 to 20080424T130000", Count(ALL, ("spam",), begin=NOON, end=NOON + 3600)),
        (f"{SPAM} cidrsize 24", Count(ALL, ("spam",), sizes=(24, 24))),
        (f"{SPAM} cidrsize 8 to 24", Count(ALL, ("spam",), sizes=(8, 24))),
        (f"{SPAM} order by cidr limit 10 threshold 5", Count(ALL, ("spam",), limit=10, threshold=5)),
        (f"{SPAM} limit 0 order by count", Count(ALL, ("spam",), limit=0, is_by_count=True)),
        (f"{SPAM} aggregate", Count(ALL, ("spam",), aggregate=Aggregate.ALL)),
        (f"{SPAM} aggregate daily", Count(ALL, ("spam",), aggregate=Aggregate.DAILY)),
        (f"{SPAM}, virus,x limit 1", Count(ALL, ("spam", "virus", "x"), limit=1)),
        (f"{SPAM} , virus", Count(ALL, ("spam", "virus"))),
        ("show count for 0.0.0.0/0 in union(spam, virus)", Count(ALL, ("spam", "virus"), True)),
        ("show count for 0.0.0.0/0 in Union ( spam )", Count(ALL, ("spam",), True)),
        ("show count for 0.0.0.0/0 in union, spam", Count(ALL, ("union", "spam"))),
        ("show count for 10.79.18.7/24 in spam", Count(Netblock.parse("10.79.18.0/24"), ("spam",))),
        ("show count for [2001:db8::]/32 in v6", Count(Netblock.parse("2001:db8::/32"), ("v6",))),
        ("show count for ::/0 in v6 cidrsize 48", Count(Netblock.parse("::/0"), ("v6",), sizes=(48, 48))),
    ],
)  # fmt: skip
def test_what_it_means(line: str, question: Question) -> None:
    assert parse(line) == question


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "expected 'show' at the end"),
        ("show", "expected 'count' at the end"),
        ("show available now", "expected nothing more instead of 'now'"),
        ("show count for 10.0.0.0/33 in spam", "expected a prefix length from 0 to 32, not '33'"),
        ("show count for 10.0.0.0/8 of spam", "expected 'in' instead of 'of'"),
        ("show count for 10.0.0.0/8 in ../etc", "'../etc' is no name of a series"),
        ("show count for 10.0.0.0/8 in union(spam", "expected ')' at the end"),
        (f"{SPAM} since", "expected a date: YYYYMMDD or YYYYMMDDThhmmss at the end"),
        (f"{SPAM} since 20081301", "there is no 20081301"),
        (f"{SPAM} since 2008-04-24", "'2008-04-24' is no date: expected YYYYMMDD or YYYYMMDDThhmmss"),
        (f"{SPAM} since 19691231", "19691231 is before 1970"),
        (f"{SPAM} from 20080424 to 20080423", "it ends before it begins"),
        (f"{SPAM} on 20080424 since 20080424", "a second date"),
        (f"{SPAM} cidrsize 24 to 8", "there are no blocks of 24 to 8 bits"),
        (f"{SPAM} cidrsize 33", "there are no blocks of 33 to 33 bits"),
        (f"{SPAM} limit many", "expected a number, not 'many'"),
        (f"{SPAM} limit 9999999999999999999", "expected a number, not '9999999999999999999'"),
        (f"{SPAM} order by size", "expected 'cidr' instead of 'size'"),
        (f"{SPAM} and more", "'and' is none of: from, on, since, cidrsize, order, aggregate, limit, threshold"),
        (f"show count for 0.0.0.0/0 in {','.join('x' * 17)}", "at most 16 series at once"),
        ("x" * 4097, "a question has at most 4096 characters"),
    ],
)
def test_what_is_wrong_with_it(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        parse(line)


@given(questions)
def test_spaces_and_capitals_of_words_change_nothing(line: str) -> None:
    assert understood(line) == understood(line.replace(" ", "  ").replace("show", "ShOw").replace(" to ", " TO "))


def understood(line: str) -> Question | None:
    try:
        question = parse(line)
    except ValueError:
        return None
    assert not isinstance(question, Count) or question.begin < question.end <= EVER + DAY_SECONDS
    return question
