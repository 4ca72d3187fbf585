"""What may befall a mesh, drawn: order of arrival, cuts, partitions one-way and both, crashes, returns, pauses."""

from __future__ import annotations

from itertools import combinations
from random import Random

from mesh import Mesh

from momentum_trio.net.group import Service

SERVICES = (Service.AGREED, Service.AGREED, Service.FIFO, Service.SAFE)


def storm(mesh: Mesh, random: Random, steps: int) -> None:
    """*steps* things happen to *mesh*; most are that something arrives."""
    for _ in range(steps):
        if (pairs := mesh.movable()) and random.random() < 0.75:
            mesh.deliver(*random.choice(pairs))
        elif random.random() < 0.6:
            work(mesh, random)
        else:
            strike(mesh, random)


def work(mesh: Mesh, random: Random) -> None:
    """Somebody says something, joins or leaves."""
    if not mesh.servers:
        return
    name = random.choice(sorted(mesh.servers))
    match random.randrange(14):
        case 0:
            mesh.join(name, random.choice(("red", "blue")))
        case 1:
            mesh.leave(name, "blue")
        case 2:
            mesh.lose_client(name)
        case 3 | 4:
            mesh.say(name, to=random.choice(mesh.names))
        case 5:
            mesh.say(name, random.choice(SERVICES), group="blue")
        case _:
            mesh.say(name, random.choice(SERVICES))


def strike(mesh: Mesh, random: Random) -> None:
    """Time passes, or something breaks or is mended."""
    one, other = random.sample(mesh.names, 2)
    match random.randrange(24):
        case 0 | 1:
            mesh.part(one, other, lambda count: random.randint(0, count))
        case 2:
            mesh.cut_off.add(frozenset((one, other)))
            mesh.part(one, other, lambda count: random.randint(0, count))
        case 3:
            mesh.cut_off.discard(frozenset((one, other)))
        case 4:
            mesh.stalled.add((one, other))
        case 5:
            mesh.stalled |= {(one, other), (other, one)}
        case 6 | 7:
            mesh.stalled -= {(one, other), (other, one)}
        case 8 if one in mesh.servers:
            mesh.crash(one, lambda count: random.randint(0, count))
        case 9 | 10:
            if missing := [name for name in mesh.names if name not in mesh.servers]:
                mesh.start(random.choice(missing))
        case 11:
            mesh.paused.add(one)
        case 12 | 13:
            mesh.paused.discard(one)
        case 14:
            partition(mesh, random)
        case 15:
            mesh.cut_off.clear()
        case 16 | 17 | 18:
            mesh.connect_all()
        case _:
            beat(mesh)


def partition(mesh: Mesh, random: Random) -> None:
    """Two sides that cannot connect; whether the connections between them break or stall is drawn."""
    left = {name for name in mesh.names if random.random() < 0.5}
    breaks = random.random() < 0.5
    for one, other in combinations(mesh.names, 2):
        if (one in left) is not (other in left):
            mesh.cut_off.add(frozenset((one, other)))
            if breaks:
                mesh.part(one, other, lambda count: random.randint(0, count))
            else:
                mesh.stalled |= {(one, other), (other, one)}


def beat(mesh: Mesh) -> None:
    """A heartbeat of all who run; nothing arrives meanwhile."""
    mesh.now += 1.0
    for name in mesh.names:
        if name in mesh.servers and name not in mesh.paused:
            mesh.tick(name)
