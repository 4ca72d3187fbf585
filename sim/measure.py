"""How a scenario file writes durations, sizes, rates, shares and places: kinds of value for its options.

What is shown reads back as the very same number: texts are decimal, and every step between is exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from typing import TypeVar

from momentum_trio.config.kind import integer_between, quoted, word_of, words_of
from momentum_trio.config.option import Kind
from momentum_trio.config.value import Dictionary, Value, Word
from momentum_trio.net.netblock import Netblock

T = TypeVar("T")

SECONDS_MAX = 1e9
OCTETS_MAX = 2**50
TEXT_MAX = 64  # of one number with its unit
DEFAULT_PORT = 25

_SECONDS = {"us": "0.000001", "ms": "0.001", "s": "1", "m": "60", "min": "60", "h": "3600"}
_OCTETS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_measure = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]{1,3})?) ?([A-Za-z]*(?:/s)?|%)").fullmatch
_plain_key = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*").fullmatch
_SHOWN_DIGITS = 24  # of a number written out; longer ones are shown with an exponent


def _parts(value: Value, expected: str) -> tuple[Decimal, str]:
    """The number and the unit, in lower case."""
    text = word_of(value, expected)
    found = _measure(text) if len(text) <= TEXT_MAX and text.isascii() else None
    if found is None:
        raise ValueError(f"expected {expected}")
    return Decimal(found.group(1)), found.group(2).lower()


def _plain(number: Decimal) -> str:
    """*number* written out where that is short."""
    text = f"{number.normalize():f}"
    return text if len(text) <= _SHOWN_DIGITS else str(number.normalize()).lower().replace("e+", "e")


# durations


def _seconds(expected: str, least: float) -> Callable[[Value], float]:
    def parse(value: Value) -> float:
        number, unit = _parts(value, expected)
        if unit not in _SECONDS:
            near = f"; did you mean {_plain(number)}s?" if not unit else ""
            raise ValueError(f"expected {expected}{near}")
        seconds = float(number * Decimal(_SECONDS[unit]))
        if not least <= seconds <= SECONDS_MAX:
            raise ValueError(
                f"expected {expected}, at most {SECONDS_MAX:.0f}s" if seconds > 0 else f"expected {expected}"
            )
        return seconds

    return parse


def shown_seconds(seconds: float) -> str:
    """``250ms``, ``4s``, ``12.5s``."""
    number = Decimal(repr(float(seconds)))
    if not number:
        return "0s"
    return f"{_plain(number * 1000)}ms" if abs(number) < 1 else f"{_plain(number)}s"


DURATION: Kind[float] = Kind(
    "duration",
    _seconds("a duration such as 250ms, 4s, 2m or 1h", 0.0),
    lambda seconds: quoted(shown_seconds(seconds)),
)
OFFSET: Kind[float] = Kind(
    "duration, may be negative",
    _seconds("a duration such as -40ms or 4s", -SECONDS_MAX),
    lambda seconds: quoted(shown_seconds(seconds)),
)

# octets


def _octets(value: Value) -> int:
    number, unit = _parts(value, expected := "a size such as 400, 20kB, 10MB or 4KiB")
    octets = number * _OCTETS.get(unit, -1)
    if not 0 <= octets <= OCTETS_MAX or octets != int(octets):
        raise ValueError(f"expected {expected}")
    return int(octets)


def shown_octets(octets: int) -> str:
    """``400``, ``20kB``, ``10MB``."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if octets and octets % unit == 0:
            return f"{octets // unit}{name}"
    return str(octets)


def _rate(value: Value) -> float:
    number, unit = _parts(value, expected := "octets a second such as 10MB/s; 0 is without bound")
    rate = float(number * _OCTETS.get(unit.removesuffix("/s"), -1))
    if not 0 <= rate <= OCTETS_MAX:
        raise ValueError(f"expected {expected}")
    return rate


def shown_rate(rate: float) -> str:
    """``10MB/s``; ``0`` for a rate without bound."""
    if rate == int(rate):
        return f"{shown_octets(int(rate))}{'/s' if rate >= 1000 and not rate % 1000 else ''}"
    return _plain(Decimal(repr(float(rate))))


SIZE: Kind[int] = Kind("size", _octets, lambda octets: quoted(shown_octets(octets)))
RATE: Kind[float] = Kind("rate", _rate, lambda rate: quoted(shown_rate(rate)))

# numbers


def _share(value: Value) -> float:
    number, unit = _parts(value, expected := "a share from 0 to 1 such as 0.05 or 5%")
    share = float(number / 100 if unit == "%" else number)
    if unit not in ("", "%") or not 0 <= share <= 1:
        raise ValueError(f"expected {expected}")
    return share


def shown_share(share: float) -> str:
    """``0.05``."""
    return _plain(Decimal(repr(float(share))))


def _factor(value: Value) -> float:
    number, unit = _parts(value, expected := f"a factor from {FACTOR_MIN} to {FACTOR_MAX} such as 1.0001")
    if unit or not FACTOR_MIN <= number <= FACTOR_MAX:
        raise ValueError(f"expected {expected}")
    return float(number)


FACTOR_MIN, FACTOR_MAX = Decimal("0.001"), Decimal(1000)
SHARE: Kind[float] = Kind("share", _share, shown_share)
FACTOR: Kind[float] = Kind("factor", _factor, shown_share)
COUNT = integer_between(0, 10**9, "count")

# from .. to


def between(kind: Kind[T], unit: str) -> Kind[tuple[T, T]]:
    """``( low high )``, or one value that is both. unit: what one of them is, for the error."""
    expected = f"( LOW HIGH ), two {unit}, or one"

    def parse(value: Value) -> tuple[T, T]:
        texts = words_of(value, expected)
        if len(texts) not in (1, 2):
            raise ValueError(f"expected {expected}")
        low, high = (kind.parse(Word(text)) for text in (texts[0], texts[-1]))
        if low > high:  # type: ignore[operator]
            raise ValueError(f"{texts[0]} is more than {texts[1]}: expected {expected}")
        return low, high

    def show(held: tuple[T, T]) -> str:
        return f"( {kind.show(held[0])} {kind.show(held[1])} )"

    return Kind(f"range of {unit}", parse, show)


COUNTS = between(COUNT, "counts")
SIZES = between(SIZE, "sizes")
DURATIONS = between(DURATION, "durations")


def _sizes(value: Value) -> tuple[int, ...]:
    texts = words_of(value, expected := f"a list of at most {LISTED_MAX} sizes such as ( 300 5kB )")
    if len(texts) > LISTED_MAX:
        raise ValueError(f"expected {expected}")
    return tuple(SIZE.parse(Word(text)) for text in texts)


LISTED_MAX = 50
LISTED_SIZES: Kind[tuple[int, ...]] = Kind(
    "list of sizes", _sizes, lambda sizes: f"( {' '.join(map(SIZE.show, sizes))} )".replace("(  )", "( )")
)

# words


def show_words(words: tuple[str, ...]) -> str:
    """A list on one line; one word without brackets."""
    return quoted(words[0]) if len(words) == 1 else f"( {' '.join(map(quoted, words))} )".replace("(  )", "( )")


def words(what: str) -> Kind[tuple[str, ...]]:
    """A list of *what*; a single word is a list of one."""
    return Kind(f"list of {what}", lambda value: words_of(value, f"( a list of {what} )"), show_words)


def _addresses(value: Value) -> tuple[str, ...]:
    return tuple(_address(text) for text in words_of(value, "a list of addresses such as ( 10.0.0.1 fd00::1 )"))


def one(what: str, plain: Kind[tuple[str, ...]]) -> Kind[tuple[str, ...]]:
    """A single one of the words *plain* takes, as a list of one."""

    def parse(value: Value) -> tuple[str, ...]:
        word_of(value, f"one {what}")
        return plain.parse(value)

    return Kind(what, parse, plain.show)


def is_address(text: str) -> bool:
    """Whether *text* is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv4 or IPv6 address") from None


def _blocks(value: Value) -> tuple[str, ...]:
    return tuple(str(Netblock.parse(text)) for text in words_of(value, "a list of addresses and blocks"))


def _pairs(value: Value) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Dictionary):
        raise ValueError("expected a dictionary [ name = value ... ]")
    return tuple((key, word.text) for key, word in value.pairs)


def _ids(value: Value) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, Dictionary):
        raise ValueError("expected users and their numbers such as [ ecuser = 1000 ]")
    number = integer_between(0, 2**31 - 1)
    return tuple((key, number.parse(word)) for key, word in value.pairs)


def _place(value: Value) -> tuple[str, int]:
    text = word_of(value, expected := "a host or an address, and a port: mx:25, 10.0.0.1:25, [fd00::1]:25")
    target, colon, port = text.rpartition(":")
    if text.endswith("]") or not colon:
        target, port = text, str(DEFAULT_PORT)
    elif ":" in target and not target.startswith("["):
        raise ValueError(f"an IPv6 address stands in brackets here: [{text}]:{DEFAULT_PORT}")
    if not port.isascii() or not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536 or not target:
        raise ValueError(f"expected {expected}")
    bare = target[1:-1] if target.startswith("[") and target.endswith("]") else target
    return (_address(bare) if ":" in bare else bare), int(port)


def _ports(value: Value) -> tuple[int, ...]:
    port = integer_between(1, 65535, "port")
    return tuple(port.parse(Word(text)) for text in words_of(value, "a list of ports"))


def _show_place(place: tuple[str, int]) -> str:
    target, port = place
    return quoted(f"[{target}]:{port}" if ":" in target else f"{target}:{port}")


def _show_pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    return "[ " + "".join(f"{_key(key)} = {quoted(text)} " for key, text in pairs) + "]"


def _key(text: str) -> str:
    return text if _plain_key(text) else quoted(text)


ADDRESSES: Kind[tuple[str, ...]] = Kind("list of addresses", _addresses, show_words)
BLOCKS: Kind[tuple[str, ...]] = Kind("list of addresses and blocks", _blocks, show_words)
PAIRS: Kind[tuple[tuple[str, str], ...]] = Kind("dictionary", _pairs, _show_pairs)
IDS: Kind[tuple[tuple[str, int], ...]] = Kind(
    "dictionary of numbers", _ids, lambda ids: "[ " + "".join(f"{_key(name)} = {uid} " for name, uid in ids) + "]"
)
PORTS: Kind[tuple[int, ...]] = Kind("list of ports", _ports, lambda ports: show_words(tuple(map(str, ports))))
PLACE: Kind[tuple[str, int]] = Kind("place", _place, _show_place)
