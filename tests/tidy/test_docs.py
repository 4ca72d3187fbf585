"""What the documents point at is there: pages, their headings, files, targets of make, and the rooms of the house."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from source import FLOORS, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BASES = [ROOT, ROOT / "docs", ROOT / "momentum_trio", ROOT / "sim", ROOT / "momentum_trio" / "node"]
"""What a path in a document may begin at, beside its own folder."""


def fragment(heading: str) -> str:
    """How a link names *heading*."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def leads_nowhere(page: Path, place: str, heading: str) -> bool:
    target = page.parent / place if place else page
    if not target.exists():
        return True
    headings = re.findall(r"(?m)^#+ (.*)$", target.read_text()) if heading else []
    return bool(heading) and heading not in map(fragment, headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text())
    assert [link for link in links if leads_nowhere(page, *link)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?!var/)[\w.-]+/[\w./-]+\.(?:py|md|sim|toml|json|conf|patch))`", page.read_text())
    assert [path for path in named if not any((base / path).exists() for base in [page.parent, *BASES])] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_has_the_targets_that_are_named(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text()))
    typed = re.findall(r"(?m)(?:`|^ {4}|\$ )make((?: [a-z][\w-]*(?![\w=]))+)", page.read_text())
    assert {target for each in typed for target in each.split()} <= targets


def test_the_makefile_says_of_all_targets_that_they_are_no_files() -> None:
    text = (ROOT / "Makefile").read_text().replace("\\\n", "")
    (phony,) = re.findall(r"(?m)^\.PHONY:(.*)$", text)
    assert sorted(phony.split()) == sorted(re.findall(r"(?m)^([a-z][\w-]*):", text))


def test_the_house_is_drawn_as_it_is() -> None:
    rows = re.findall(r"(?m)^\| F(\d) \w+ \| ([^|]*) \|", (ROOT / "docs" / "architecture.md").read_text())
    assert {room: int(floor) for floor, rooms in rows for room in re.findall(r"`(\w+)`", rooms)} == FLOORS


@pytest.mark.parametrize("room", FLOORS)
def test_every_room_is_described(room: str) -> None:
    assert re.search(rf"(?m)^- .*`{room}/", (ROOT / "docs" / "architecture.md").read_text())
