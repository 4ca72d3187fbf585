"""The page's files as they are shipped: small, all in the table, nothing from elsewhere, nothing inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import resources

from momentum_trio.listener.web.table import ROUTES

FOLDER = resources.files("momentum_trio.web")
OCTETS_MAX = 200_000
PATHS = {route.path for route in ROUTES}
FILES = {file.name: file.read_text() for file in FOLDER.iterdir() if file.is_file() and not file.name.endswith(".py")}
SCRIPTS = {name: text for name, text in FILES.items() if name.endswith(".js")}
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write|\beval\(|new Function"
)
"""Ways in which text would become part of the page as something else than text, or run."""


class Page(HTMLParser):
    """What the page's HTML has: elements, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(FILES["page.html"])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def values(self, name: str) -> set[str]:
        """Of all attributes called *name*."""
        return {attributes[name] for _, attributes in self.elements if name in attributes}


PAGE = Page()


def test_each_file_has_its_path() -> None:
    index, robots = {"page.html", "robots.txt"}, {"/", "/robots.txt"}
    assert {f"/page/{name}" for name in FILES if name not in index} | robots <= PATHS


def test_it_is_small() -> None:
    assert sum(len(text.encode()) for text in FILES.values()) < OCTETS_MAX


def test_nothing_stands_inline() -> None:
    assert not any("style" in attributes or tag == "style" for tag, attributes in PAGE.elements)
    assert not any(name.startswith("on") for _, attributes in PAGE.elements for name in attributes)
    assert all("src" in attributes for tag, attributes in PAGE.elements if tag == "script")


def test_all_that_is_named_is_there() -> None:
    ids = PAGE.values("id")
    assert PAGE.values("src") <= PATHS
    links = PAGE.values("href")
    assert {link for link in links if not link.startswith("#")} <= PATHS
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert PAGE.values("for") | PAGE.values("aria-labelledby") <= ids
    for name, text in SCRIPTS.items():
        assert set(re.findall(r'from "\./([^"]+)"', text)) <= set(SCRIPTS), name
        assert set(re.findall(r'(?:\$|getElementById|glyph)\("([^"]+)"\)', text)) <= ids, name
        assert set(re.findall(r'icon: "([^"]+)"', text)) <= ids, name


def test_text_becomes_text() -> None:
    assert not [name for name, text in SCRIPTS.items() if MARKUP.search(text)]


def test_nothing_is_fetched_from_elsewhere() -> None:
    for name, text in FILES.items():
        named = set(re.findall(r"https?://[^\s\"'`)$]+", text))
        assert named <= {"http://www.w3.org/2000/svg"}, name
        assert "@import" not in text
        assert "url(" not in text
