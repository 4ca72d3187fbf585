"""The kinds of value an option can have (spec: config-language, section 2, scalar values)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from momentum_trio.config.option import Kind
from momentum_trio.config.pattern import check_pattern
from momentum_trio.config.value import Array, Dictionary, Value, Word
from momentum_trio.net.netblock import Netblock, parse_address

T = TypeVar("T")
U = TypeVar("U")

_TRUE = frozenset(("on", "true", "enabled", "1"))
_FALSE = frozenset(("off", "false", "disabled", "0"))

_TO_ESCAPE = re.compile(r'["\n\r]|\\(?=[nrt\\"\n\r]|\Z)')
_ESCAPED = {'"': '\\"', "\n": "\\n", "\r": "\\r", "\\": "\\\\"}


def word_of(value: Value, expected: str) -> str:
    """The text of a single word. Raises ValueError with *expected* when the value is a list or a dictionary."""
    if not isinstance(value, Word):
        raise ValueError(f"expected {expected}, not {'a list' if isinstance(value, Array) else 'a dictionary'}")
    return value.text


def words_of(value: Value, expected: str) -> tuple[str, ...]:
    """The texts of a list; a single word is a list of one."""
    if isinstance(value, Dictionary):
        raise ValueError(f"expected {expected}, not a dictionary")
    return (value.text,) if isinstance(value, Word) else tuple(item.text for item in value.items)


def quoted(text: str) -> str:
    """*text* as a double-quoted string of the language; a backslash is doubled only where it would mean something."""
    return f'"{_TO_ESCAPE.sub(lambda match: _ESCAPED[match.group()], text)}"'


def _boolean(value: Value) -> bool:
    text = word_of(value, expected := "on or off, true or false, enabled or disabled, 1 or 0").lower()
    if text not in _TRUE and text not in _FALSE:
        raise ValueError(f"expected {expected}")
    return text in _TRUE


INTEGER_MAX = 2**63 - 1
SECONDS_MAX = 2**32 - 1
WORD_COMPARED_MAX = 64  # of a wrong word, when the nearest right one is looked for


def integer_between(low: int, high: int, name: str = "integer", unit: str = "") -> Kind[int]:
    """Whole numbers from *low* to *high*. unit: what it counts, for the text of an error."""
    expected = f"a whole number of {unit}" if unit else "a whole number"
    if low > -INTEGER_MAX:
        expected += f" from {low} to {high}" if high < INTEGER_MAX else f", {low} or more"

    def parse(value: Value) -> int:
        text = word_of(value, expected)
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 20 or not low <= int(text) <= high:
            raise ValueError(f"expected {expected}")
        return int(text)

    return Kind(name, parse, str)


def _seconds(value: Value) -> float:
    return float(_COUNT_OF_SECONDS.parse(value))


def _number(value: Value) -> float:
    text = word_of(value, expected := "a number such as 1.5")
    whole, _, part = text.removeprefix("-").partition(".")
    if not (whole + part).isdigit() or not text.isascii() or len(text) > 40:
        raise ValueError(f"expected {expected}")
    return float(text)


def _mode(value: Value) -> int:
    text = word_of(value, expected := "an octal mode such as 0660")
    if not 1 <= len(text) <= 6 or not set(text) <= set("01234567") or int(text, 8) > 0o7777:
        raise ValueError(f"expected {expected}")
    return int(text, 8)


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most *count* events in *seconds* seconds."""

    count: int
    seconds: int


def _throttle(value: Value) -> Throttle | None:
    text = word_of(value, expected := "a throttle, N or N/W: N events in W seconds")
    count, slash, window = text.partition("/")
    if not count.isdigit() or not text.isascii() or (slash and not window.strip("0").isdigit()) or len(text) > 24:
        raise ValueError(f"expected {expected}")
    return Throttle(int(count), int(window or 1)) if int(count) else None


def _show_throttle(throttle: Throttle | None) -> str:
    return "0" if throttle is None else quoted(f"{throttle.count}/{throttle.seconds}")


def one_of(*words: str) -> Kind[str]:
    """One of *words*, in any case; the value is the word as spelt here."""
    expected = f"one of {', '.join(words)}"
    known = {word.lower(): word for word in words}

    if "true" in known and "false" in known:  # also says what a boolean says: Blackhole = 0
        known |= dict.fromkeys(_TRUE, known["true"]) | dict.fromkeys(_FALSE, known["false"])

    def parse(value: Value) -> str:
        word = word_of(value, expected).lower()
        if word not in known:
            near = difflib.get_close_matches(word[:WORD_COMPARED_MAX], known, 1)
            raise ValueError(f"expected {expected}" + (f"; did you mean {known[near[0]]}?" if near else ""))
        return known[word]

    return Kind(f"enum({'|'.join(words)})", parse, quoted)


def _dictionary(value: Value) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Dictionary):
        raise ValueError("expected a dictionary [ key = value ... ]")
    return tuple((key, word.text) for key, word in value.pairs)


def _host_name(value: Value) -> str:
    text = word_of(value, expected := "a host name")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"expected {expected}: one word of ASCII")
    return text


def show_list(items: Iterable[str]) -> str:
    """*items* as a list of the language, a line each."""
    return "(\n" + "".join(f"  {quoted(item)}\n" for item in items) + ")"


def _show_dictionary(pairs: tuple[tuple[str, str], ...]) -> str:
    return "[\n" + "".join(f"  {key} = {quoted(text)}\n" for key, text in pairs) + "]"


_UNIT = "seconds"
_COUNT_OF_SECONDS = integer_between(0, SECONDS_MAX, "time-seconds", _UNIT)

BOOLEAN = Kind("boolean", _boolean, lambda truth: "true" if truth else "false")
INTEGER = integer_between(-INTEGER_MAX, INTEGER_MAX)
COUNT = integer_between(0, INTEGER_MAX)
OCTETS = integer_between(0, INTEGER_MAX, "size-bytes", "octets")
PORT = integer_between(1, 65535, "port")
SECONDS: Kind[float] = Kind("time-seconds", _seconds, lambda seconds: str(int(seconds)))
NUMBER: Kind[float] = Kind("number", _number, str)
MODE = Kind("octal-mode", _mode, lambda mode: f"{mode:04o}")
THROTTLE: Kind[Throttle | None] = Kind("throttle", _throttle, _show_throttle)
STRING = Kind("string", lambda value: word_of(value, "a word or a quoted string"), quoted)
PATH = Kind("path", lambda value: word_of(value, "a path"), quoted)
HOSTNAME = Kind("hostname", lambda value: word_of(value, "a host name"), quoted)
HOST_NAME = Kind("hostname", _host_name, quoted)  # one that goes out in greetings, replies and trace fields
STRINGS = Kind("string-list", lambda value: words_of(value, "a list ( a b ... )"), show_list)
DOMAINS = Kind("domain-list", lambda value: tuple(w.lower() for w in words_of(value, "a list of domains")), show_list)
DICTIONARY = Kind("dictionary", _dictionary, _show_dictionary)


def _netblocks(value: Value) -> tuple[Netblock, ...]:
    return tuple(Netblock.parse(text) for text in words_of(value, "a list of addresses and blocks such as 10.0.0.0/8"))


def _show_netblocks(blocks: tuple[Netblock, ...]) -> str:
    return show_list(tuple(str(block) for block in blocks))


def _pattern(value: Value) -> str:
    check_pattern(text := word_of(value, "a pattern"))
    return text


def _patterns(value: Value) -> tuple[str, ...]:
    for text in (texts := words_of(value, "a list of patterns")):
        check_pattern(text)
    return texts


def _remote(text: str) -> str:
    """An IPv6 address stands in brackets where a name may stand too (section 10)."""
    try:
        is_bare = parse_address(text).version == 6 and not text.startswith("[")
    except ValueError:
        return text
    if is_bare:
        raise ValueError(f"an IPv6 address stands in brackets here: [{text}]")
    return text


def either(first: Kind[T], second: Kind[U]) -> Kind[T | U]:
    """What *first* takes, else what *second* takes."""

    def parse(value: Value) -> T | U:
        try:
            return first.parse(value)
        except ValueError as wrong:
            try:
                return second.parse(value)
            except ValueError as also:
                raise ValueError(f"{wrong}, or {str(also).removeprefix('expected ')}") from None

    return Kind(f"union({first.name}, {second.name})", parse, lambda held: str(held))


NETBLOCKS: Kind[tuple[Netblock, ...]] = Kind("address-list", _netblocks, _show_netblocks)
PATTERN = Kind("regex", _pattern, quoted)
PATTERNS = Kind("regex-list", _patterns, show_list)
PERCENT = integer_between(0, 100, "percent")
MILLISECONDS = integer_between(0, SECONDS_MAX, "time-milliseconds", "milliseconds")
REMOTE: Kind[str] = Kind("string", lambda value: _remote(word_of(value, "a host, an address or [IPv6]")), quoted)
REMOTES: Kind[tuple[str, ...]] = Kind(
    "string-list", lambda value: tuple(_remote(text) for text in words_of(value, "a list of hosts")), show_list
)

_GENERIC: tuple[Kind[Any], ...] = (
    BOOLEAN,
    INTEGER,
    integer_between(-1, INTEGER_MAX, "size-bytes", "octets"),
    PORT,
    integer_between(-1, SECONDS_MAX, "time-seconds", _UNIT),
    NUMBER,
    MODE,
    THROTTLE,
    STRING,
    PATH,
    HOSTNAME,
    Kind("ip-address", lambda value: word_of(value, "an address"), quoted),
    STRINGS,
    DOMAINS,
    DICTIONARY,
    NETBLOCKS,
    PATTERN,
    PATTERNS,
    PERCENT,
    MILLISECONDS,
)


def generic(name: str) -> Kind[Any]:
    """The kind that *name*, a type of options.json, stands for. Raises KeyError when it stands for none."""
    if name.startswith("union("):
        first, _, second = name.removeprefix("union(").removesuffix(")").rpartition(", ")
        return either(generic(first), generic(second))
    if name.startswith("enum("):
        return one_of(*name.removeprefix("enum(").removesuffix(")").split("|"))
    for kind in _GENERIC:
        if kind.name == name:
            return kind
    raise KeyError(name)
