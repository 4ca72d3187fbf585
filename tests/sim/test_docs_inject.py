"""docs/inject.md: every command in it does what the page says, to the listeners of the host itself."""

from __future__ import annotations

import pytest
from console_page import ROOT, Done, assert_done, perform, steps

PAGE = (ROOT / "docs" / "inject.md").read_text(encoding="utf-8")
STEPS = list(steps(PAGE))


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> list[Done]:
    return perform(PAGE, tmp_path_factory.mktemp("page"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(len(STEPS)), ids=lambda number: f"line {STEPS[number].line}")
def test_it_does_what_the_page_says(number: int, performed: list[Done]) -> None:
    assert_done(number, performed)
