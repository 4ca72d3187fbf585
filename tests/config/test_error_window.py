"""The line shown with an error, and the caret below its place."""

from __future__ import annotations

import unicodedata

import pytest

from momentum_trio.config.error import CUT, ConfigError
from momentum_trio.config.include import NoConfiguration
from momentum_trio.config.load import load_text
from momentum_trio.config.value import Position


def window(line: str, column: int) -> tuple[str, str]:
    _, shown, caret = ConfigError(Position("a.conf", 1, column), "", "problem").render(line).split("\n")
    return shown[4:], caret[4:]


def cells(text: str) -> int:
    """Columns of a terminal that *text* takes, tabs counted as one."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "a = ",
        "\t\tx = ",
        "\t x\t= ",
        'Hostname = "é" ',
        'Banner = "日本語" ',
        'x = "e\N{COMBINING ACUTE ACCENT}" ',
        "ａ = ",
    ],
)
@pytest.mark.parametrize("after", ["", "\r"])
def test_the_caret_stands_below_the_place(before: str, after: str) -> None:
    shown, caret = window(f"{before}wrong{after}", len(before) + 1)
    assert shown == f"{before}wrong"
    assert caret[-1] == "^"
    assert cells(caret[:-1]) == cells(before)
    assert [c for c in caret if c == "\t"] == [c for c in before if c == "\t"]


@pytest.mark.parametrize("column", [1, 90, 101, 150, 300, 395])
def test_a_long_line_is_cut_where_it_says_so(column: int) -> None:
    line = "".join(f"{number:04d}=" for number in range(80))
    shown, caret = window(line, column)
    assert len(shown) <= 120 + 2 * len(CUT)
    assert shown[len(caret) - 1 :].removesuffix(CUT).startswith(line[column - 1 : column + 1])
    assert shown.endswith((CUT, line[-5:]))
    assert shown.startswith((CUT, line[:5]))


def test_a_file_that_cannot_be_read_has_no_line() -> None:
    with pytest.raises(NoConfiguration) as raised:
        load_text({}, "none.conf", declared=())
    assert raised.value.render() == "none.conf: no such file"
