"""A report of any mail, replies and addresses reads back into the same fields, in ASCII lines that no bare CR or LF,
no octet of others and no length can break.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.notice import Action, Fate, Returned, render
from momentum_trio.mail.strategies import addresses, bodies, expected, headers, notice_about, read_back, reasons, texts

SEPARATOR: Final = b"|"
FATES_MAX: Final = 20


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: a number, header section, body, sender, envelope id, then four texts for each recipient."""
    words = [addresses, texts, *(addresses, texts, reasons, texts) * 2]
    return st.builds(
        lambda choice, header, body, *rest: SEPARATOR.join(
            (choice, header, body, *(text.encode("utf-8", "surrogatepass") for text in rest))
        ),
        st.binary(min_size=1, max_size=1),
        headers,
        bodies,
        *words,
    ) | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    choice, header, body, *rest = (octets + SEPARATOR * 8).split(SEPARATOR)
    sender, envelope_id, *words = (word.decode("utf-8", "surrogateescape") for word in rest)
    number = choice[0] if choice else 0
    fates = tuple(
        Fate(*four, at=float(number)) for four in zip(words[::4], words[1::4], words[2::4], words[3::4], strict=False)
    )[:FATES_MAX]
    header = header.rstrip(b"\r\n") + b"\r\n"  # a section is whole lines
    returned = tuple(Returned)[number % 3] if header.strip() else Returned.NOTHING
    notice = notice_about(tuple(Action)[number % 4], sender, envelope_id, fates, returned, header, body, 1e9)
    report = render(notice)
    assert report.count(b"\n") == report.count(b"\r\n") == report.count(b"\r")
    assert all(len(line) <= 998 for line in report.split(b"\r\n"))
    assert report.isascii() or notice.returned is Returned.ALL
    assert report[: report.index(b"\r\n\r\n")].isascii()
    assert read_back(report) == expected(notice)
