"""What is wrong with a request, and where: values that an answer is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

FLAWS_MAX: Final = 20
"""Told of one request."""

_NAMED = re.compile(r"Object (?:contains (?P<unknown>unknown)|missing required) field `(?P<name>[^`]*)`")
_PLACE = re.compile(r"(?P<problem>.*?)(?: - at `(?:key in )?\$\.?(?P<place>[^`]*)`)?", re.DOTALL)


class Flaw(NamedTuple):
    """One thing that is wrong. field: ``recipients[3].address.email``, or empty: the whole."""

    field: str
    problem: str


class Flaws(ValueError):
    """A request is not taken for what it says; nothing of it was done. is_no_json: it says nothing at all."""

    def __init__(self, *flaws: Flaw, is_no_json: bool = False) -> None:
        super().__init__("; ".join(f"{flaw.field}: {flaw.problem}" for flaw in flaws))
        self.flaws, self.is_no_json = flaws[:FLAWS_MAX], is_no_json


def judge(flaws: Iterable[Flaw]) -> None:
    """Raises Flaws where there are any; after FLAWS_MAX nobody looks for more."""
    if found := tuple(islice(flaws, FLAWS_MAX)):
        raise Flaws(*found)


def read(octets: bytes, kind: type[T]) -> T:
    """*octets* of JSON as *kind*. Raises Flaws, which name the field. Numbers and texts stay what they are."""
    try:
        return msgspec.json.decode(octets, type=kind)
    except msgspec.ValidationError as error:
        raise Flaws(_told(str(error))) from None
    except msgspec.DecodeError as error:
        raise Flaws(Flaw("", str(error)), is_no_json=True) from None
    except UnicodeDecodeError:
        raise Flaws(Flaw("", "a text in it is not UTF-8"), is_no_json=True) from None
    except RecursionError:
        raise Flaws(Flaw("", "values in it are nested too deeply"), is_no_json=True) from None


def converted(said: dict[str, Any], kind: type[T]) -> T:
    """Texts by name as *kind*, in which they may be numbers. Raises Flaws."""
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Flaws(_told(str(error))) from None


def _told(error: str) -> Flaw:
    """What msgspec says, the field by itself."""
    match = _PLACE.fullmatch(error)
    assert match is not None
    place, problem = match["place"] or "", match["problem"]
    if (named := _NAMED.match(problem)) is None:
        return Flaw(place, problem)
    inner = f"{place}.{named['name']}" if place else named["name"]
    return Flaw(inner, "there is no such field" if named["unknown"] else "it is missing")


def depth_of(value: Any, depth_max: int) -> int:
    """How deeply lists and objects of JSON are nested in *value*, or *depth_max* + 1 where it is more than that."""
    depth, level = 0, [value]
    while depth <= depth_max:
        level = [inner for inner in level if isinstance(inner, list | dict)]
        if not level:
            break
        depth += 1
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return depth
