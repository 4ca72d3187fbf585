"""What the RFCs ask of a server, and where it is shown: the data files beside this one, printed as docs/rfc.md.

``python tests/rfc/rfc_page.py``. Each ``rfcNNNN.toml`` has a title and its requirements in order of section. Each says
what conforms (file, the product's module, and tests, pytest's node ids), or what does not, or not quite (difference,
the beginning of an item in docs/differences.md; tests may show what is done instead), or why it does not apply
(left_out).
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent
LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT")
WHO = ("server", "client", "both")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence of an RFC, in our words.

    section: ``4.1.1.5``, ``F.2``. level: of LEVELS. who: of WHO; the client is the one that relays and delivers.
    """

    section: str
    level: str
    text: str
    who: str = "server"
    file: str = ""
    tests: tuple[str, ...] = ()
    difference: str = ""
    left_out: str = ""

    @property
    def place(self) -> tuple[tuple[bool, int, str], ...]:
        """What sections are ordered by: numbers as numbers, appendices behind them."""
        parts = self.section.split(".")
        return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)

    @property
    def state(self) -> str:
        """Of STATES."""
        return "left out" if self.left_out else "differs" if self.difference else "shown"


STATES = ("shown", "differs", "left out")


@dataclass(frozen=True, slots=True)
class Rfc:
    """One of the RFCs."""

    number: int
    title: str
    requirements: tuple[Requirement, ...]


def rfcs() -> list[Rfc]:
    """All of them, by number. Raises TypeError for a key that no requirement has."""
    return sorted(map(_rfc, DATA.glob("rfc*.toml")), key=lambda rfc: rfc.number)


def _rfc(path: Path) -> Rfc:
    data = tomllib.loads(path.read_text("utf-8"))
    requirements = (Requirement(**{**each, "tests": tuple(each.get("tests", ()))}) for each in data["requirement"])
    return Rfc(int(path.stem.removeprefix("rfc")), data["title"], tuple(requirements))


HEAD = """\
# What the RFCs ask of a server

Generated from `tests/rfc/*.toml`; do not edit. Each MUST and SHOULD for an SMTP server, and for the client that relays
and delivers, by section, in our words: a sentence says what a host does that conforms. Beside it the module that does
it and tests that would fail if it did not; or the item of [differences.md](differences.md) where this host does
otherwise, and tests of what it does; or why the sentence does not apply. Where an RFC writes these words small, what it
means is taken.
"""


def page(of: Sequence[Rfc]) -> str:
    """The text of docs/rfc.md."""
    return "\n".join((HEAD, *_counts(of), *(line for rfc in of for line in _section(rfc))))


def _counts(of: Sequence[Rfc]) -> Iterator[str]:
    yield f"| RFC | | requirements | {' | '.join(STATES)} |"
    yield f"| --- | --- | --- | {' | '.join('---' for _ in STATES)} |"
    for rfc in of:
        states = [requirement.state for requirement in rfc.requirements]
        counts = " | ".join(str(states.count(state)) for state in STATES)
        yield f"| [{rfc.number}](#rfc-{rfc.number}) | {rfc.title} | {len(states)} | {counts} |"
    yield ""


def _section(rfc: Rfc) -> Iterator[str]:
    yield f"## RFC {rfc.number}\n"
    yield f"{rfc.title}.\n"
    yield "| section | | who | requirement | shown |"
    yield "| --- | --- | --- | --- | --- |"
    for each in rfc.requirements:
        yield f"| {each.section} | {each.level} | {each.who} | {_plain(each.text)} | {_shown(each)} |"
    yield ""


def _shown(requirement: Requirement) -> str:
    if requirement.left_out:
        return f"left out: {_plain(requirement.left_out)}"
    places = [f"`{requirement.file}`"] if requirement.file else []
    places += [f"`{test}`" for test in requirement.tests]
    if requirement.difference:
        places.insert(0, f"**differs**: «{_plain(requirement.difference)} …»")
    return "<br>".join(places)


def _plain(text: str) -> str:
    """*text* with the characters that Markdown would take for marks."""
    return "".join(f"\\{c}" if c in "*_<>|`[]" else c for c in text)


def main() -> int:
    """The command."""
    sys.stdout.write(page(rfcs()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
