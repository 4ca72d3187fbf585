"""``cluster duravip …`` and ``cluster arp show``: addresses that move between nodes (spec/console.md section 10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from ipaddress import ip_address
from xml.sax.saxutils import quoteattr

from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.console.floating import CandidateRow, Floating, FloatingRow, FloatingView
from momentum_trio.machine.contract import Neighbour
from momentum_trio.net.netblock import parse_address
from momentum_trio.node.commands.cluster import IN_NO_CLUSTER


def _asked(answer: Callable[[Floating, Request], Awaitable[Answer]]) -> Callable[[Request], Awaitable[Answer]]:
    """What *answer* answers where there is a cluster."""

    async def run(request: Request) -> Answer:
        cluster = request.administration.cluster
        return failure(IN_NO_CLUSTER) if cluster is None else await answer(cluster.floating, request)

    return run


async def _show(floating: Floating, request: Request) -> Answer:
    state = floating.state()
    lines = ["DuraVIP State:", *(line for row in state.rows for line in _lines(state, row))]
    return Answer("\n".join(lines), _data(state))


def _lines(state: FloatingView, row: FloatingRow) -> Iterator[str]:
    marks = ["owned" if row.is_owned else "unowned", row.safety, *(["in conflict"] if row.in_conflict else [])]
    yield f"{'/'.join((row.address, *row.bindings))}: ({','.join(marks)}) {' '.join(row.services)}".rstrip()
    yield f"\t[view stable for {state.stable_seconds:.0f} seconds]"
    yield f"\t[configuration stable for {row.stable_seconds:.0f} seconds]"
    if row.follows:
        yield f"\t[follows {row.follows}]"
    for candidate in row.candidates:
        mark = " *  " if candidate.is_owner else "    "
        yield f"{mark}\t{candidate.node} {' '.join(candidate.services)}".rstrip()


async def _tables(floating: Floating, request: Request) -> Answer:
    state = floating.state()
    attributes = {
        "view": state.view,
        "stable": f"{state.stable_seconds:.0f}",
        "complete": _truth(said=state.is_complete),
    }
    rows = (line for row in state.rows for line in _table(row))
    return Answer("\n".join((f"<duravip {_attributes(attributes)}>", *rows, "</duravip>")), _data(state))


def _table(row: FloatingRow) -> Iterator[str]:
    attributes = {
        "ip": row.address,
        "safety": row.safety,
        "conflict": _truth(said=row.in_conflict),
        "follows": row.follows,
        "stable": f"{row.stable_seconds:.0f}",
    }
    yield f"  <address {_attributes(attributes)}>"
    yield from (f"    <node {_attributes(_of(candidate))}/>" for candidate in row.candidates)
    yield "  </address>"


def _of(candidate: CandidateRow) -> dict[str, str]:
    return {
        "name": candidate.node,
        "member": candidate.member,
        "owner": _truth(said=candidate.is_owner),
        "holds": _truth(said=candidate.holds),
        "services": " ".join(candidate.services),
        "bindings": " ".join(candidate.bindings),
        "preference": candidate.preference,
    }


def _attributes(values: dict[str, str]) -> str:
    return " ".join(f"{name}={quoteattr(value)}" for name, value in values.items())


def _truth(*, said: bool) -> str:
    return "true" if said else "false"


def _data(state: FloatingView) -> Data:
    return {
        "view": state.view,
        "stable_seconds": round(state.stable_seconds),
        "complete": state.is_complete,
        "addresses": [asdict(row) | {"stable_seconds": round(row.stable_seconds)} for row in state.rows],
    }


async def _announce(floating: Floating, request: Request) -> Answer:
    floating.announce()
    return Answer("This node has announced its view of the floating addresses", {"announced": True})


async def _debug(floating: Floating, request: Request) -> Answer:
    word = request.rest.lower()
    if word not in ("on", "off"):
        return failure(f"usage: {DEBUG.synopsis}")
    floating.debug(on=word == "on")
    return Answer(f"DuraVIP debugging is {word}", {"debug": word == "on"})


async def _move(floating: Floating, request: Request) -> Answer:
    match request.rest.lower().split():
        case [what, "to", to]:
            pass
        case [what, to]:
            pass
        case _:
            return failure(f"usage: {MOVE.synopsis}")
    address = _address(what)
    moving = floating.move(address, "" if address else what, to)
    if not moving:
        return failure(f"Nothing of {what} can be moved to {to}")
    return Answer("\n".join(f"{each} moves to {to}" for each in moving), {"moving": list(moving), "to": to})


def _address(word: str) -> str:
    try:
        return str(parse_address(word))
    except ValueError:
        return ""


async def _arp(floating: Floating, request: Request) -> Answer:
    try:
        found = await floating.neighbours()
    except OSError as fault:
        return failure(f"The neighbours of this host cannot be read: {fault.strerror or fault}")
    rows = sorted(found, key=_place)
    data: Data = [{"address": row.address, "hardware": row.hardware, "seconds": round(row.seconds)} for row in rows]
    return Answer("\n".join(f"{row.address:<16} [{row.hardware}]  {row.seconds:.0f}s" for row in rows), data)


def _place(row: Neighbour) -> tuple[int, int]:
    ip = ip_address(row.address)
    return ip.version, int(ip)


def _move_words(request: Request) -> Sequence[str]:
    """Addresses and nodes, then ``to``, then nodes."""
    cluster, said = request.administration.cluster, request.rest.split()
    if cluster is None:
        return ()
    nodes = [row.nodename for row in cluster.members() if row.nodename]
    if len(said) == 0:
        return [*(row.address for row in cluster.floating.state().rows), *nodes]
    return ("to", *nodes) if len(said) == 1 else nodes if said[-1] == "to" else ()


SHOW = Command(
    ("cluster", "duravip", "show"),
    "Show who has the floating addresses.",
    _asked(_show),
    help="An asterisk marks the node that is to have the address. UNSAFE: it has other services on other nodes;\n"
    "BROKEN: its bindings have other names there, and nobody has it; in conflict: nodes prefer different nodes.",
)
TABLES = Command(("cluster", "duravip", "show", "tables"), "Show all that was said of them, as XML.", _asked(_tables))
ANNOUNCE = Command(
    ("cluster", "duravip", "announce", "view"),
    "Tell the other nodes again what this one could have, and has.",
    _asked(_announce),
)
DEBUG = Command(
    ("cluster", "duravip", "debug"),
    "Let the paniclog tell each step of elections, or no longer.",
    _asked(_debug),
    arguments="on|off",
    candidates=lambda request: ("off", "on") if not request.rest.split() else (),
)
MOVE = Command(
    ("cluster", "duravip", "move"),
    "Move an address, or all that a node has, to another node.",
    _asked(_move),
    arguments="ADDRESS|NODE [to] NODE",
    help="It stays there until the membership changes, whoever is preferred. One node is to be asked, any of them.",
    candidates=_move_words,
)
ARP_SHOW = Command(
    ("cluster", "arp", "show"),
    "Show the hardware addresses of the hosts that this one has lately talked to.",
    _asked(_arp),
)
