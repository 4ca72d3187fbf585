"""Shelves on a simulated disk, as their tests have them."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Disk
from momentum_trio.machine.events import Events
from momentum_trio.mail.record import Panic, Record
from momentum_trio.stored.shelf import Shelf, Sort

FOLDER = "/spool/stored/things"
Thing = tuple[str, list[int]]
SORT = Sort("thing", msgspec.json.Decoder(str), msgspec.json.Decoder(list[int]), 3, 2_000)


class Stopped:
    """A clock."""

    def now(self) -> float:
        return 1.0


class World:
    """A host's machine, of which only what shelves use is there. panics: the lines of its paniclog."""

    def __init__(self, disk: Disk) -> None:
        self.records: list[Record] = []
        events, unused = Events(), cast(Any, None)
        events.subscribe(self.records.append)
        self.machine = Machine(Stopped(), disk, unused, unused, unused, events)

    @property
    def panics(self) -> list[str]:
        return [record.text for record in self.records if isinstance(record, Panic)]

    def shelf(self, folder: str = FOLDER) -> Shelf[str, list[int]]:
        return Shelf(self.machine, folder, SORT)


def thing(number: int, length: int = 100) -> Thing:
    """One, so long that it is torn where it is not synced."""
    return f"thing {number}", [number] * length


def into(number: int) -> Any:
    return lambda held: thing(number)
