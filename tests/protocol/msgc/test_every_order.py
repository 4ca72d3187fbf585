"""Three servers and a small history, exhaustively: whatever arrives next, whichever connection breaks, whoever dies.

From a beginning, every sequence of DEPTH steps is taken that leads to another state; then all is mended and comes to
rest. The laws hold over all that clients saw, and everybody is together in the end and hears the same.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from itertools import combinations

import pytest
from mesh import Mesh, member, mesh

from momentum_trio.net.group import Service, Told

DEPTH = int(os.environ.get("MOMENTUM_DEPTH", "3"))
FAULTS_MAX = 2

Step = tuple[str, ...]


def steps(mesh: Mesh, faults: int) -> Iterator[Step]:
    """What may be next."""
    for pair in mesh.movable():
        yield ("deliver", *pair)
    if faults < FAULTS_MAX:
        for pair in combinations(sorted(mesh.servers), 2):
            if pair in mesh.open:
                yield ("lose", *pair)
                yield ("part", *pair)
            else:
                yield ("connect", *pair)
        for name in sorted(mesh.servers):
            yield ("crash", name)


def take(mesh: Mesh, step: Step) -> None:
    """*step* happens to *mesh*. ``lose``: nothing that is on its way comes; ``part``: all of it does."""
    match step:
        case "deliver", sender, receiver:
            mesh.deliver(sender, receiver)
        case "lose", one, other:
            mesh.part(one, other, lambda count: 0)
        case "part", one, other:
            mesh.part(one, other)
        case "connect", one, other:
            mesh.connect(one, other)
        case "crash", name:
            mesh.crash(name, lambda count: 0)


def ends(begin: Callable[[], Mesh]) -> Iterator[tuple[list[Step], Mesh]]:
    """Every mesh that DEPTH steps from *begin* lead to, and how."""
    seen = set()
    stack: list[tuple[list[Step], int, bytes]] = [([], 0, pickle.dumps(begin()))]
    while stack:
        path, faults, octets = stack.pop()
        if len(path) == DEPTH:
            yield path, pickle.loads(octets)
            continue
        for step in list(steps(pickle.loads(octets), faults)):
            made = pickle.loads(octets)
            take(made, step)
            if (state := made.state) not in seen:
                seen.add(state)
                stack.append(([*path, step], faults + (step[0] != "deliver"), pickle.dumps(made)))


def speaking() -> Mesh:
    """In one view, all have said something."""
    made = mesh()
    made.say("a")
    made.say("b")
    made.say("c", Service.SAFE)
    return made


def submitted() -> Mesh:
    """The sequencer has all there is to order, and nobody has it back."""
    made = speaking()
    for sender in "bc":
        made.deliver(sender, "a")
    return made


def sequencer_dead() -> Mesh:
    """Of the order, which the sequencer knew, only one has a part."""
    made = submitted()
    made.deliver("a", "b")
    made.crash("a", lambda count: 0)
    return made


def merging() -> Mesh:
    """One alone, two together; the first connection stands again."""
    made = mesh()
    made.cut_off = {frozenset("ac"), frozenset("bc")}
    made.part("a", "c")
    made.part("b", "c")
    made.run()
    made.cut_off.clear()
    for name in "abc":
        made.say(name)
    made.connect("a", "c")
    return made


@pytest.mark.parametrize("begin", [speaking, submitted, sequencer_dead, merging], ids=lambda begin: begin.__name__)
def test_the_laws_hold_whatever_comes_first(begin: Callable[[], Mesh]) -> None:
    count = 0
    for path, made in ends(begin):
        count += 1
        finish(made, path)
    assert count >= 10**DEPTH // 25


def finish(made: Mesh, path: object) -> None:
    """All is mended: everybody is together, hears the same last words, and no law was broken."""
    made.cut_off.clear()
    for name in made.names:
        if name not in made.servers:
            made.start(name)
    made.settle()
    assert made.sets() == [made.names], path
    words = {made.say(name) for name in made.names}
    made.beats()
    for name in made.names:
        heard = {entry.deed.octets for entry in made.history if entry.host == name and isinstance(entry.deed, Told)}
        assert words <= heard, (path, member(name))
    assert made.broken() == [], path
