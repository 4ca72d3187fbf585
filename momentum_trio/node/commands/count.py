"""``count TYPE SPEC``: open connections by address or network (spec/console.md section 7)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.net.netblock import LOOPBACK, Address, Netblock, parse_address

USAGE = "usage: count TYPE ADDRESS|CIDR|MASK|MASK-MASK"
INBOUND, OUTBOUND = "inbound_cidr", "outbound"
MASK_MAX = 128
_MASKS = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")


async def _count(request: Request) -> Answer:
    words = request.rest.split()
    if len(words) != 2:
        return failure(USAGE)
    kind, spec = words
    addresses = await _addresses(request, kind)
    if addresses is None:
        known = (*request.administration.instruments.services, INBOUND, OUTBOUND, f"{OUTBOUND}/BINDING")
        return failure(f"'{kind}' is nothing that is counted; these are: {', '.join(known)}")
    if (masks := _masks(spec)) is not None:
        return _by_network(addresses, kind, *masks)
    try:
        block = Netblock.parse(spec)
    except ValueError as error:
        return failure(f"{error}, a mask such as 24, or masks such as 16-32")
    count = sum(block.contains(address) for address in addresses)
    return Answer(f"{count} sessions", {"type": kind, "network": spec, "sessions": count})


async def _addresses(request: Request, kind: str) -> Sequence[Address] | None:
    """Of those there are; None: there is no such *kind*. A Unix peer counts as 127.0.0.1."""
    instruments = request.administration.instruments
    if kind == OUTBOUND or kind.startswith(f"{OUTBOUND}/"):
        return _of_outbound((await request.administration.ask_mail("show outbound")).data, kind.partition("/")[2])
    if kind not in (INBOUND, *instruments.services):
        return None
    return [each.address for each in instruments.inbound() if kind == each.service or kind == INBOUND]


def _of_outbound(shown: Data, binding: str) -> Sequence[Address]:
    """From what ``show outbound`` has of each connection. binding: empty for all."""
    rows = [each for each in shown if isinstance(each, Mapping)] if isinstance(shown, Sequence) else []
    return [
        LOOPBACK if row["family"] == "Unix" else parse_address(str(row["address"]))
        for row in rows
        if binding in ("", row["binding"])
    ]


def _masks(spec: str) -> tuple[int, int] | None:
    """``24`` and ``16-32``."""
    if (found := _MASKS.fullmatch(spec)) is None:
        return None
    shortest = int(found[1])
    longest = int(found[2] or shortest)
    return (shortest, longest) if shortest <= longest <= MASK_MAX else None


def _by_network(addresses: Sequence[Address], kind: str, shortest: int, longest: int) -> Answer:
    rows = list(networks(Counter(addresses), shortest, longest))
    lines = [f"{count:7d}{'':{block.prefix + 1}}{block}" for block, count in rows]
    if not kind.startswith(OUTBOUND):
        lines.insert(0, f"Displaying '{kind}' from /{shortest} to /{longest}")
    data: Data = {"type": kind, "networks": [{"network": str(block), "sessions": count} for block, count in rows]}
    return Answer("\n".join(lines), data)


def networks(counts: Mapping[Address, int], shortest: int, longest: int) -> Iterator[tuple[Netblock, int]]:
    """The networks that hold the addresses of *counts*, with how many: those of both masks, and of masks between them
    where the tree branches. Parents before children, IPv4 first.
    """
    for version, bits in ((4, 32), (6, MASK_MAX)):
        counted = Counter({int(address): count for address, count in counts.items() if address.version == version})
        top, bottom = min(shortest, bits), min(longest, bits)
        for within in _parted(counted, bits - top):
            for number, mask, count in _branches(within, bits, top, bottom):
                yield Netblock(version, number, mask), count


def _branches(counted: Counter[int], bits: int, mask: int, longest: int) -> Iterator[tuple[int, int, int]]:
    """The network of *mask* that holds all of *counted*, then those in it: first address, mask, how many."""
    host_bits = bits - mask
    yield min(counted) >> host_bits << host_bits, mask, counted.total()
    if mask == longest:
        return
    for within in _parted(counted, host_bits - 1):
        common = bits - (min(within) ^ max(within)).bit_length()
        yield from _branches(within, bits, min(common, longest), longest)


def _parted(counted: Counter[int], host_bits: int) -> Iterator[Counter[int]]:
    """*counted* by the network they are in."""
    parts: dict[int, Counter[int]] = {}
    for number, count in sorted(counted.items()):
        parts.setdefault(number >> host_bits, Counter())[number] += count
    yield from parts.values()


def _candidates(request: Request) -> Sequence[str]:
    return () if request.rest else (*request.administration.instruments.services, INBOUND, OUTBOUND)


COUNT = Command(
    ("count",),
    "Count open connections by address or network.",
    _count,
    arguments="TYPE ADDRESS|CIDR|MASK|MASK-MASK",
    help="TYPE is a service (SMTP, Control, ...; case counts), inbound_cidr for all that come in, outbound, or\n"
    "outbound/BINDING. An address or a CIDR gives one number; a mask the networks of that mask; two masks those of\n"
    "both, and between them networks where the tree branches.",
    candidates=_candidates,
)
