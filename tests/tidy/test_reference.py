"""docs/options.md is what its generator makes of the declarations, and tells of every one of them."""

from __future__ import annotations

import re

import pytest
from source import ROOT

from momentum_trio.cli import reference
from momentum_trio.config.manual import ACTS, STORED_ONLY
from momentum_trio.node.schema import DECLARED

PAGE = ROOT / "docs" / "options.md"


def test_the_page_is_what_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main() == 0
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8"), "run: make reference"


def test_every_declared_option_is_in_it() -> None:
    said = re.findall(r"^### (.+)\n\n\*(acts|stored only|out of scope)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    for option in DECLARED:
        assert {(option.name, ACTS), (option.name, STORED_ONLY)} & set(said), option.name
