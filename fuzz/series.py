"""Whatever is in a folder of journals, or is asked of it, is understood or refused in words, however it is cut.

The first octet says what is read: a file, a name of one, a question, cidr_maintain.conf, or what comes over a line.
"""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.net.netblock import Netblock
from momentum_trio.protocol.series.answer import Counting
from momentum_trio.protocol.series.journal import Reader, condense, encode, file_name
from momentum_trio.protocol.series.question import Count, parse
from momentum_trio.protocol.series.strategies import DAY, configurations, days, file_names, files, questions
from momentum_trio.protocol.series.upkeep import configured, work
from momentum_trio.protocol.series.wire import Lines

EVERYTHING = Netblock.parse("0.0.0.0/0")
_lines = st.lists(questions.map(str.encode) | st.binary(max_size=40), max_size=4).map(b"\r\n".join)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying."""
    texts = (file_names, questions, configurations)
    kinds = (files, days.map(condense), *(text.map(str.encode) for text in texts), _lines)
    return st.one_of(*(octets.map(bytes([kind]).__add__) for kind, octets in enumerate(kinds)))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    kind, octets = octets[0] % 6 if octets else 0, octets[1:]
    text = octets.decode("utf-8", "replace")
    match kind:
        case 0 | 1:
            _read(octets, is_day=kind == 1)
        case 2:
            if (name := file_name(text)) is not None:
                assert text.startswith(name.series)
                assert name.begin < name.end
        case 3:
            _asked(text)
        case 4:
            _configured(text)
        case _:
            assert _cut(octets, len(octets)) == _cut(octets, 1) == _cut(octets, 3)


def _read(octets: bytes, *, is_day: bool) -> None:
    for text in ("spam.20080424.gz",) if is_day else ("spam.20080424T201500", "connect.20080424T000000"):
        name = file_name(text)
        assert name is not None
        try:
            read = list(Reader().read(name, octets))
        except ValueError:
            continue
        assert list(Reader().read(name, condense(read) if is_day else b"".join(map(encode, read)))) == read
        counting = Counting(Count(EVERYTHING, ("spam",)))
        for journal in read:
            counting.take(journal)
        assert all(line.isascii() and "\n" not in line for line in counting.lines())


def _asked(text: str) -> None:
    try:
        question = parse(text)
    except ValueError:
        return
    if isinstance(question, Count):
        assert question.begin < question.end
        assert question.series


def _configured(text: str) -> None:
    try:
        upkeep = configured(text)
    except ValueError:
        return
    assert upkeep.folder.startswith("/")
    assert work([], upkeep, DAY).remove == []


def _cut(octets: bytes, size: int) -> list[str]:
    lines, found = Lines(64), []
    try:
        for at in range(0, len(octets), size or 1):
            lines.receive(octets[at : at + size])
            while (line := lines.next()) is not None:
                found.append(line)
    except ValueError:
        found.append("too long")
    return found
