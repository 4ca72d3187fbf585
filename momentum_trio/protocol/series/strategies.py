"""Journals of series, questions about them and what looks like either. For tests and fuzzing only."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.net.netblock import Netblock
from momentum_trio.protocol.series.journal import COUNT_MAX, Host, Journal, condense, encode
from momentum_trio.protocol.series.moment import DAY_SECONDS, day_text, moment_text

names = st.sampled_from(["spam", "virus", "connect", "union", "in", "a.b-c_d", "x" * 64])
seconds = st.integers(1, 253_402_300_000) | st.integers(1_208_908_800, 1_208_908_800 + 3 * DAY_SECONDS)
DAY = 1_208_995_200
"""2008-04-24."""
near = st.integers(DAY - DAY_SECONDS, DAY + 2 * DAY_SECONDS)
hosts: st.SearchStrategy[Host] = st.one_of(
    st.tuples(st.just(4), st.integers(0x0A4F1200, 0x0A4F121F) | st.integers(0, 2**32 - 1)),
    st.tuples(st.just(6), st.integers(2**64, 2**64 + 9) | st.integers(2**50, 2**128 - 1)),
)
counts = st.dictionaries(hosts, st.integers(1, 50) | st.integers(1, COUNT_MAX), max_size=8)


@st.composite
def journals(
    draw: st.DrawFn, ends: st.SearchStrategy[int] = seconds, series: st.SearchStrategy[str] = names
) -> Journal:
    """One."""
    end = draw(ends)
    return Journal(draw(series), max(0, end - draw(st.integers(1, 900))), end, draw(counts))


days = st.lists(journals(st.integers(DAY + 1, DAY + DAY_SECONDS)), max_size=4, unique_by=lambda journal: journal.end)
dates = near.map(moment_text) | near.map(day_text) | seconds.map(moment_text) | st.sampled_from(["20081301", "2008"])
blocks = st.one_of(
    st.sampled_from(["0.0.0.0/0", "10.79.18.0/24", "10.79.18.1", "::/0", "[2001:db8::]/32", "10.0.0.0/33", "spam"]),
    st.builds(lambda host, prefix: str(Netblock(host[0], host[1], min(prefix, 32))), hosts, st.integers(0, 32)),
)
numbers = st.integers(0, 40).map(str)
clauses = st.one_of(
    dates.map("since {}".format),
    dates.map("on {}".format),
    st.tuples(dates, dates).map(lambda pair: "from {} to {}".format(*pair)),
    numbers.map("cidrsize {}".format),
    st.tuples(numbers, numbers).map(lambda pair: "cidrsize {} to {}".format(*pair)),
    st.sampled_from(
        ["order by cidr", "order by count", "aggregate", "aggregate daily", "limit", "ORDER BY COUNT", "of"]
    ),
    numbers.map("limit {}".format),
    numbers.map("threshold {}".format),
)
_lists = st.lists(names, min_size=1, max_size=3).map(", ".join)
counted = st.builds(
    lambda block, series, said: " ".join(("show count for", block, "in", series, *said)),
    blocks,
    _lists | _lists.map("union({})".format),
    st.lists(clauses, max_size=4),
)
questions = counted | st.sampled_from(["show available", "cache details", "show", "cache", "", "show available please"])
files = st.one_of(
    journals().map(encode),
    days.map(condense),
    st.lists(journals(), max_size=2).map(lambda some: b"".join(map(encode, some))),
)
file_names = st.one_of(
    journals().map(lambda journal: journal.file_name),
    st.builds("{}.{}.gz".format, names, near.map(day_text)),
    st.text(st.sampled_from("ab.0123456789T-gz/"), max_size=30),
)
configurations = st.lists(
    st.sampled_from(
        [
            "auto = true", 'auto = "false"', "series = rbl zombie", "retention = 30", "condense = 0", "condense = off",
            'basedir = "/var/log/x"', "# words", "", "retention = -1", "basedir = x", "auto", "depth = 3",
            " condense=1 # x",
        ]
    ),
    max_size=8,
).map("\n".join)  # fmt: skip
