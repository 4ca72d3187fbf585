"""Pages of docs/ that are made are what their generators make, and docs/options.md tells of every declaration."""

from __future__ import annotations

import re

import pytest
from source import ROOT

from momentum_trio.cli import reference
from momentum_trio.config.manual import ACTS, STORED_ONLY
from momentum_trio.node.schema import DECLARED

PAGE = ROOT / "docs" / "options.md"


@pytest.mark.parametrize("page", reference.PAGES)
def test_the_page_is_what_is_generated(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(page) == 0
    there = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == there, "run: make reference"


def test_every_declared_option_is_in_it() -> None:
    said = re.findall(r"^### (.+)\n\n\*(acts|stored only|out of scope)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    for option in DECLARED:
        assert {(option.name, ACTS), (option.name, STORED_ONLY)} & set(said), option.name
