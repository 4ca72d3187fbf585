"""Lists a page at a time: as many rows as are asked for, and the cursor behind which the next ones begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

ROWS: Final = 100
ROWS_MAX: Final = 1_000

Row = dict[str, Any]
T = TypeVar("T")


class Window(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which part of a list is wanted. cursor: ``next`` of the page before; empty: from the beginning."""

    limit: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = ROWS
    cursor: Annotated[str, Meta(max_length=300)] = ""


class Page(msgspec.Struct, frozen=True):
    """A part of a list. next: the cursor of the part behind it; null: there is none.

    What comes and goes meanwhile may be missing; nothing else is, and nothing is there twice.
    """

    results: Sequence[Row]
    next: str | None


def page(rows: Sequence[Row], window: Window, key: Callable[[Row], str]) -> Page:
    """The part of *rows*, which are in the order of *key*, that *window* asks for."""
    return Page(*part(rows, window, key))


def part(rows: Sequence[T], window: Window, key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The same of any rows, and the cursor of the part behind it."""
    behind = [row for row in rows if key(row) > window.cursor] if window.cursor else rows
    shown = behind[: window.limit]
    return shown, key(shown[-1]) if len(behind) > len(shown) else None
