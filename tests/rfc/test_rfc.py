"""docs/rfc.md tells the truth: its modules, its tests and its differences are there. Nothing is imported for it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from rfc_page import LEVELS, WHO, Requirement, Rfc, main, rfcs

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "rfc.md"
RFCS = rfcs()
OF_ISSUE_6 = {5321, 1870, 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6531, 9422}
TEXT_MAX = 200
BEGINNING_MIN = 12

every_rfc = pytest.mark.parametrize("rfc", RFCS, ids=lambda rfc: str(rfc.number))


@cache
def names_in(path: Path) -> frozenset[str]:
    """``test_x`` and ``TestY::test_z`` of a file."""
    found = set()
    for node in ast.parse(path.read_text("utf-8"), str(path)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = (part.name for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}::{name}" for name in methods}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


@cache
def differences() -> tuple[str, ...]:
    """The first line of each item of docs/differences.md, without its marks."""
    lines = (ROOT / "docs" / "differences.md").read_text("utf-8").splitlines()
    return tuple(line[2:].replace("**", "") for line in lines if line.startswith("- "))


def is_told(beginning: str) -> bool:
    """Whether exactly one item of docs/differences.md begins so."""
    return len(beginning) >= BEGINNING_MIN and sum(line.startswith(beginning) for line in differences()) == 1


def faults(requirement: Requirement) -> list[str]:
    """What is not there, or not as it should be."""
    found = []
    if requirement.level not in LEVELS or requirement.who not in WHO:
        found.append(f"{requirement.level} {requirement.who}")
    if not requirement.text.endswith(".") or len(requirement.text) > TEXT_MAX:
        found.append("one short sentence")
    if not requirement.difference and bool(requirement.file) != bool(requirement.tests):
        found.append("a file goes with its tests")
    if (bool(requirement.tests or requirement.difference)) == bool(requirement.left_out):
        found.append("shown, different, or left out")
    if requirement.file and not (ROOT / requirement.file).is_file():
        found.append(requirement.file)
    for test in requirement.tests:
        path, _, name = test.partition("::")
        if not (ROOT / path).is_file() or name not in names_in(ROOT / path):
            found.append(test)
    if requirement.difference and not is_told(requirement.difference):
        found.append(f"differences.md: {requirement.difference}")
    return found


def test_no_rfc_is_missing() -> None:
    assert {rfc.number for rfc in RFCS} == OF_ISSUE_6


@every_rfc
def test_everything_named_is_there(rfc: Rfc) -> None:
    found = {f"{each.section} {each.text}": faults(each) for each in rfc.requirements}
    assert {text: wrong for text, wrong in found.items() if wrong} == {}


@every_rfc
def test_requirements_are_in_order_and_said_once(rfc: Rfc) -> None:
    places = [requirement.place for requirement in rfc.requirements]
    assert places == sorted(places)
    texts = [requirement.text for requirement in rfc.requirements]
    assert len(texts) == len(set(texts))


def test_the_page_is_what_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8"), "run: make reference"


def test_a_false_claim_is_found() -> None:
    good = RFCS[-1].requirements[0]
    name = "tests/rfc/test_rfc.py::test_a_false_claim_is_found"
    wrong = [
        Requirement(good.section, "MAY", good.text, left_out="x"),
        Requirement(good.section, "MUST", "no sentence", left_out="x"),
        Requirement(good.section, "MUST", good.text),
        Requirement(good.section, "MUST", good.text, tests=(name,)),
        Requirement(good.section, "MUST", good.text, file="momentum_trio/none.py", tests=(name,)),
        Requirement(good.section, "MUST", good.text, file="momentum_trio/__init__.py", tests=(f"{name}_not",)),
        Requirement(good.section, "MUST", good.text, difference="Nobody ever wrote this"),
        Requirement(good.section, "MUST", good.text, difference=differences()[0], left_out="x"),
    ]
    assert [len(faults(each)) for each in wrong] == [1] * len(wrong)
    assert faults(Requirement("1", "MUST", "x.", file="momentum_trio/__init__.py", tests=(name,))) == []
