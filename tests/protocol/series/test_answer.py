"""Answers: as the manual prints them, and the same as counting by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.net.netblock import Netblock
from momentum_trio.protocol.series import answer
from momentum_trio.protocol.series.answer import Counting, TooLarge, available, wanted
from momentum_trio.protocol.series.journal import FileName, Journal, file_name, host_of
from momentum_trio.protocol.series.question import Aggregate, Count, parse
from momentum_trio.protocol.series.strategies import DAY, counted, journals, near


def journal(series: str, end: int, **counts: int) -> Journal:
    hosts = {host_of(f"10.79.18.{number.removeprefix('h')}"): count for number, count in counts.items()}
    return Journal(series, end - 900, end, hosts)


SOME = [
    journal("spam", DAY + 900, h1=14071, h2=2000),
    journal("spam", DAY + 1800, h2=2421, h130=5),
    journal("spam", DAY + 86_400, h1=21146),
    journal("virus", DAY + 900, h1=1264, h9=2),
    Journal("virus", DAY, DAY + 900, {host_of("127.0.0.1"): 9}),
    Journal("spam", DAY, DAY + 2700, {host_of("2001:db8::1"): 4, host_of("2001:db8::2"): 5}),
]


def asked(line: str, some: list[Journal] = SOME) -> str:
    question = parse(line)
    assert isinstance(question, Count)
    counting = Counting(question)
    for each in some:
        counting.take(each)
    return "\n".join(counting.lines())


@pytest.mark.parametrize(
    ("line", "answered"),
    [
        ("show count for 0.0.0.0/0 in spam", """\
10.79.18.1/32      :     35217
10.79.18.2/32      :      4421
10.79.18.130/32    :         5"""),
        ("show count for 0.0.0.0/0 in spam, virus order by count limit 2", """\
10.79.18.1/32      : 35217,1264
10.79.18.2/32      : 4421,0"""),
        ("show count for 0.0.0.0/0 in virus, spam order by count limit 2", """\
10.79.18.1/32      : 1264,35217
10.79.18.9/32      : 2,0"""),
        ("show count for 10.0.0.0/8 in union(spam, virus) on 20080424 cidrsize 24 order by count limit 1",
         "10.79.18.0/24      :     40909"),
        ("show count for 10.79.18.0/24 in union(spam, virus) from 20080424T001500 to 20080424T003000", """\
10.79.18.2/32      :      2421
10.79.18.130/32    :         5"""),
        ("show count for 10.79.18.0/25 in spam cidrsize 30 to 31", """\
10.79.18.0/30      :     39638
10.79.18.0/31      :     35217
10.79.18.2/31      :      4421"""),
        ("show count for ::/0 in spam aggregate", "::/0               :         9"),
        ("show count for 2001:db8::/32 in spam threshold 5", "2001:db8::2/128    :         5"),
        ("show count for 0.0.0.0/0 in spam aggregate daily", "20080424           :     39643"),
        ("show count for 0.0.0.0/0 in spam since 20080425", ""),
        ("show count for 0.0.0.0/0 in nothing", ""),
    ],
)  # fmt: skip
def test_as_the_manual_prints_it(line: str, answered: str) -> None:
    assert asked(line) == answered


def test_an_interval_counts_once_in_however_many_files_it_is() -> None:
    line = "show count for 0.0.0.0/0 in union(spam, virus)"
    assert asked(line, [*SOME[:3], *SOME[:2]]) == asked(line, SOME[:3])


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "ROWS_MAX", 2)
    with pytest.raises(TooLarge, match="cidrsize"):
        asked("show count for 0.0.0.0/0 in spam")
    assert asked("show count for 0.0.0.0/0 in spam cidrsize 24")


@given(counted, st.lists(journals(near, st.sampled_from(["spam", "virus"])), max_size=6))
def test_it_is_what_counting_by_hand_comes_to(line: str, some: list[Journal]) -> None:
    try:
        question = parse(line)
    except ValueError:
        return
    assert isinstance(question, Count)
    some = list({(each.series, each.end): each for each in some}.values())
    lines = asked(line, some).splitlines()
    assert len(lines) <= (len(lines) if question.limit is None else question.limit)
    if question.limit is None and not question.threshold and question.aggregate is Aggregate.NOTHING:
        sizes = 1 if question.sizes is None else question.sizes[1] - question.sizes[0] + 1
        by_hand = sum(
            count
            for each in some
            if question.begin < each.end <= question.end
            for host, count in each.counts.items()
            if question.block.covers(Netblock(*host, 32 if host[0] == 4 else 128))
            for series in (set(question.series) if question.is_union else question.series)
            if series == each.series
        )
        shown = sum(int(number) for row in lines for number in row.rpartition(":")[2].split(","))
        assert shown == by_hand * sizes


def names(*texts: str) -> list[FileName]:
    return [name for name in map(file_name, texts) if name is not None]


def test_which_files_there_are_and_which_are_wanted() -> None:
    some = names(
        "spam.20080424.gz", "spam.20080425T001500", "spam.20080424T234500", "virus.20080425T000000", "spam.20080423.gz"
    )
    assert available(some) == [
        "spam : 20080423T000000 => 20080425T001500",
        "virus : 20080425T000000 => 20080425T000000",
    ]
    question = parse("show count for 0.0.0.0/0 in spam, virus on 20080424")
    assert isinstance(question, Count)
    assert [name.text for name in wanted(some, question)] == [
        "spam.20080424.gz", "spam.20080424T234500", "virus.20080425T000000"
    ]  # fmt: skip
