"""``memory``: what this process uses, as far as Python and the operating system can say."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.console.command import Answer, Command, Request
from momentum_trio.machine.facts import MemoryFacts


async def _memory(request: Request) -> Answer:
    facts = await request.administration.instruments.memory()
    return Answer("\n".join(_lines(facts)), {name: getattr(facts, name) for name in facts.__slots__})


async def _xml(request: Request) -> Answer:
    facts = await request.administration.instruments.memory()
    rows = [f'  <{name} value="{value}"/>' for name, value in _values(facts)]
    return Answer("\n".join(["<Memory>", *rows, "</Memory>"]), dict(_values(facts)))


def _values(facts: MemoryFacts) -> Iterator[tuple[str, int]]:
    """All that is one number."""
    for name in facts.__slots__:
        if isinstance(value := getattr(facts, name), int):
            yield name, value


def _lines(facts: MemoryFacts) -> list[str]:
    collections = " ".join(map(str, facts.collections))
    return [
        f"{'Python blocks:':<23}{facts.blocks:>12d}",
        f"{'Not collected:':<23}{facts.frozen:>12d}",
        f"{'Threads:':<23}{facts.threads:>12d}",
        f"{'Descriptors:':<23}{facts.descriptors:>12d}",
        f"{'Tasks:':<23}{facts.tasks:>12d}",
        f"{'Collections:':<23}{collections:>12}",
        "",
        _row("RSS:", facts.resident, facts.system_total),
        _row("Peak RSS:", facts.resident_peak, facts.system_total),
        _row("System RSS:", facts.system_used, facts.system_total),
    ]


def _row(label: str, octets: int, whole: int) -> str:
    return f"{label:<11}{octets:>12d}{octets:>21,d}{100 * octets / whole if whole else 0:7.2f}%"


MEMORY = Command(
    ("memory",),
    "Show how much memory is used.",
    _memory,
    help="Python does not count its objects by type. Blocks: what it has allocated now. Not collected: objects that\n"
    "its collector of cycles leaves alone. Collections: how often it ran, by generation. RSS: octets of this process\n"
    "that are in memory; System RSS: those of the host that are not to be had; percentages: of what the host has.",
)
XML_MEMORY = Command(("xml", "memory"), "Show how much memory is used, as XML.", _xml, help=MEMORY.help)
