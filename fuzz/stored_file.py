"""Whatever octets the file of a stored template holds: it is read as what was written, or is set aside and gone."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
import trio
from hypothesis import strategies as st

from momentum_trio.machine import Machine
from momentum_trio.machine.events import Events
from momentum_trio.stored.form import octets_of, parts_of, seed_of
from momentum_trio.stored.shelf import DAMAGED, SUFFIX, Shelf
from momentum_trio.stored.stored import TEMPLATES
from sim.disk import SimStore

FOLDER: Final = "/templates"
PATH: Final = f"{FOLDER}/a{SUFFIX}"
SEED: Final = seed_of(TEMPLATES.name, "a")
HEAD: Final = {
    "id": "a",
    "name": "a",
    "description": "",
    "published": False,
    "has_draft": True,
    "has_published": False,
    "last_update_time": "2026-11-30T00:00:00+00:00",
}
CONTENT: Final = {"from": "a@b.example", "subject": "s", "text": "t"}

values: st.SearchStrategy[Any] = st.sampled_from(
    [HEAD, {"draft": CONTENT}, {"published": CONTENT, "draft": None}, {}, [], None, "x"]
)
parts = values.map(msgspec.json.encode) | st.binary(max_size=50)


class Stopped:
    """A clock."""

    def now(self) -> float:
        return 0.0


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: files of good and of other parts, and what is none."""
    return st.builds(octets_of, st.sampled_from([SEED, SEED, 0]), parts, parts) | st.binary(max_size=100)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    medium = SimStore()
    medium.put(PATH, octets)
    trio.run(_check, medium, octets)


async def _check(medium: SimStore, octets: bytes) -> None:
    unused = cast(Any, None)
    shelf = Shelf(Machine(Stopped(), medium.mount(), unused, unused, unused, Events()), FOLDER, TEMPLATES)
    held = await shelf.get("a")
    assert await shelf.get("a") == held
    if held is None:
        assert medium.octets(PATH + DAMAGED) == octets
        assert await shelf.ids() == []
        return
    assert parts_of(SEED, octets) is not None
    assert await shelf.head("a") == held[0]
    await shelf.change("a", lambda there: there)
    assert await shelf.get("a") == held
