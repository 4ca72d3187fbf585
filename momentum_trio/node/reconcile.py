"""From the Listens that are open to the Listens that are wanted: the steps, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from momentum_trio.listener.accept import SocketTerms
from momentum_trio.net.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Place:
    """Which Listen of which listener. listener: lower-case scope name. endpoint: as configured, normalised."""

    listener: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Open:
    """Bind a new socket. beside: places of ours that are open now and overlap it: the port is ours already."""

    place: Place
    terms: SocketTerms
    beside: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Retune:
    """The socket stays; what it is tuned with changes."""

    place: Place
    terms: SocketTerms


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing changes."""

    place: Place


@dataclass(frozen=True, slots=True)
class Close:
    """Stop accepting; conversations go on.

    replaced: a new socket takes the same Unix path, so it is not removed. succeeded: some client could reach another.
    """

    place: Place
    replaced: bool = False
    succeeded: bool = False


Step = Open | Retune | Keep | Close


def steps(running: Mapping[Place, SocketTerms], wanted: Mapping[Place, SocketTerms]) -> tuple[Step, ...]:
    """What leads from *running* to *wanted*: every place of either once, all that opens before all that closes."""
    opens = [Open(place, terms, _beside(place, running)) for place, terms in wanted.items() if place not in running]
    stays: list[Step] = [
        Keep(place) if running[place] == terms else Retune(place, terms)
        for place, terms in wanted.items()
        if place in running
    ]
    taken = {step.place.endpoint for step in opens}
    closes = [
        Close(place, place.endpoint in taken, bool(_beside(place, wanted))) for place in running if place not in wanted
    ]
    return (*opens, *stays, *closes)


def _beside(place: Place, running: Mapping[Place, SocketTerms]) -> tuple[Place, ...]:
    return tuple(other for other in running if other.endpoint.overlaps(place.endpoint))
