"""Large and hostile texts cost what they should, counted in calls: the same on every machine."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import pytest

from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import Source
from momentum_trio.config.syntax import parse

SCHEMA = Schema.load()
LINES = 20_000
LINEAR_FACTOR = 4.4  # of the calls for a text four times as long
CALLS_PER_CHARACTER_MAX = 40


def options(lines: int) -> str:
    return "".join(
        f'  Idle_Time = {n}\n  Banner_Hostname = "h{n}"\n  SMTP_Extensions = (\n "A"\n )\n' for n in range(lines // 5)
    )


def calls(work: Callable[[], object]) -> int:
    """How many calls, of Python and of C functions, *work* makes."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_lines_inside_one_scope() -> None:
    def calls_for(lines: int) -> int:
        text = f"ESMTP_Listener {{\n{options(lines)}}}\n"
        return calls(lambda: load_text(text, schema=SCHEMA, declared=()))

    assert calls_for(LINES) < LINEAR_FACTOR * calls_for(LINES // 4)


def test_memory_is_that_of_the_nodes() -> None:
    text = f"ESMTP_Listener {{\n{options(LINES // 2)}}}\n"
    tracemalloc.start()
    try:
        load_text(text, schema=SCHEMA)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1000 * LINES // 2


@pytest.mark.parametrize(
    "text",
    [
        "a " * 50_000,
        '"' * 50_001,
        'a = "' + "\\" * 100_001,
        "a = (" * 20_000,
        "a = (" + "b " * 50_000,
        "a = [" + "b = c " * 30_000,
        "/*" * 50_000,
        "/* * " * 50_000,
        "#" * 100_000,
        "{" * 50_000,
        "}" * 50_000,
        "a {" * 50_000,
        "a" * 200_000 + "= 1",
        "a = 1;" * 20_000,
        " " * 300_000,
        "a = b\n" * 20_000 + "(",
        "domain /" + "(" * 50_000 + " {",
        "\u201c" * 50_000,
        "'" * 50_001,
        "=" * 50_000,
        "a\n" * 50_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_hostile_texts(text: str) -> None:
    errors: list[ConfigError] = []
    assert calls(lambda: parse(Source("x", text), errors)) < CALLS_PER_CHARACTER_MAX * len(text)


def test_depth() -> None:
    assert load_text("Domain a {" * 64 + "}" * 64, schema=SCHEMA).root.children
    with pytest.raises(ConfigErrors, match="nested more than 64 deep") as raised:
        load_text("Domain a {" * 65 + "}" * 65, schema=SCHEMA)
    assert raised.value.errors[0].at.column == 650


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"a = 1\nb = \0\n", "x:2:5: a NUL in the text"),
        (b"a = 1\nb = \xff\n", "x:2:5: not UTF-8: octet 0xff"),
        ("\u00e9\u00e9 = \xff".encode("latin-1"), "x:1:1: not UTF-8"),
        ("a = '\u00e9' ".encode() + b"\xc3", "x:1:9: not UTF-8: octet 0xc3"),
    ],
)
def test_octets_that_are_no_text(octets: bytes, said: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        load_text({"x": octets}, "x", schema=SCHEMA)
    assert said in str(raised.value)
