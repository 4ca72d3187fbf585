"""Floating addresses as a test of the console says them: those of the manual's page, and what conflicts look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from momentum_trio.console.floating import CandidateRow, FloatingRow, FloatingView
from momentum_trio.machine.contract import Neighbour

NODES = ("labrat-2", "labrat-1", "labrat-4")
MULTIVIP = ("multivip",)


def candidate(node: str, bindings: tuple[str, ...], owner: str, services: tuple[str, ...] = MULTIVIP) -> CandidateRow:
    return CandidateRow(node, f"#ec1-1#{node}", services, bindings, "", node == owner, node == owner)


def row(address: str, bindings: tuple[str, ...], owner: str, stable_seconds: float) -> FloatingRow:
    candidates = tuple(candidate(node, bindings, owner) for node in NODES)
    return FloatingRow(address, bindings, MULTIVIP, "safe", False, "", stable_seconds, candidates)


ROWS = (
    row(
        "10.80.116.50",
        ("flowgomail-hotmail-50", "flowgomail-hotmail-51", "flowgomail-hotmail-52"),
        "labrat-4",
        5409.3,
    ),
    row("10.80.116.53", ("flowgomail-hotmail-53",), "labrat-2", 5466.0),
    FloatingRow(
        "10.80.116.60",
        ("a", "b"),
        ("ESMTP:25", "multivip"),
        "BROKEN",
        True,
        "",
        3.0,
        (candidate("labrat-2", ("a",), "", ("ESMTP:25", "multivip")), candidate("labrat-1", ("b",), "")),
    ),
    FloatingRow(
        "fd80::1",
        (),
        ("ESMTP:25",),
        "UNSAFE",
        False,
        "10.80.116.53",
        3.0,
        (candidate("labrat-2", (), "labrat-2", ("ESMTP:25",)),),
    ),
)
NEIGHBOURS = (
    Neighbour("10.80.117.25", "00:30:48:52:f9:06", 8.0),
    Neighbour("10.80.116.204", "00:e0:81:63:5c:e8", 43.2),
)


@dataclass
class PlainFloating:
    """What a test says of them."""

    announced: int = 0
    debugs: list[bool] = field(default_factory=list)
    moves: list[tuple[str, str, str]] = field(default_factory=list)

    def state(self) -> FloatingView:
        return FloatingView("7:labrat-2:0", 5420.4, True, ROWS)

    def announce(self) -> None:
        self.announced += 1

    def debug(self, *, on: bool) -> None:
        self.debugs.append(on)

    def move(self, address: str, source: str, to: str) -> Sequence[str]:
        self.moves.append((address, source, to))
        return () if to == "nobody" else (address or "10.80.116.53",)

    async def neighbours(self) -> Sequence[Neighbour]:
        return NEIGHBOURS
