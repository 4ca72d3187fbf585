"""docs/simulate.md: every command in it does what the page says."""

from __future__ import annotations

import re

import pytest
from console_page import ROOT, Done, Step, as_shown, assert_done, perform, refreshed, steps

PAGE = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")
STEPS = list(steps(PAGE))


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> list[Done]:
    return perform(PAGE, tmp_path_factory.mktemp("page"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(len(STEPS)), ids=lambda number: f"line {STEPS[number].line}")
def test_it_does_what_the_page_says(number: int, performed: list[Done]) -> None:
    assert_done(number, performed)


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE)
    assert not [target for target in targets if not (ROOT / "docs" / target).exists()]


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        (("one 1", "...", "two"), "one 23\nx\ny\ntwo\n", True),
        (("one 1", "two"), "one 1\nx\ntwo\n", False),
        (("digest 0123456789abcdef",), "digest ffffffffffffffff\n", True),
        (("a ... z",), "a whole lot to z\n", True),
        (("a ... z",), "a\nz\n", False),
        ((), "", True),
        ((), "x\n", False),
    ],
)
def test_how_it_is_compared(shown: tuple[str, ...], output: str, same: bool) -> None:
    assert as_shown(Done(Step(1, "x", shown, False), output, "", 0)) is same


def test_numbers_count_where_the_page_is_exact() -> None:
    assert not as_shown(Done(Step(1, "x", ("192.0.2.1",), True), "192.0.2.2\n", "", 0))


def test_numbers_of_now_can_be_put_into_a_page() -> None:
    page = "text\n\n```console\n$ one\nat 1 s\n...\nat 2 s, ...\ndone 7\n$ two\n```\n"
    one, two = steps(page)
    done = [Done(one, "at 5 s\nx\nat 6 s, and\ndone 8\n", "", 0), Done(two, "", "", 0)]
    assert as_shown(done[0])
    assert refreshed(page, done) == page.replace("at 1 s", "at 5 s").replace("done 7", "done 8")
