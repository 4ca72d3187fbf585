"""docs/scenario.md is what its generator makes of the declarations, and tells of every one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import scenario_manual
from sim.scenario import FaultKind
from sim.scenario_options import FAULTS, GROUPS, SCOPES, schema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scenario.md"


def test_the_page_is_what_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    assert scenario_manual.main() == 0
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8"), "run: make reference"


def test_every_scope_option_and_fault_is_in_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for form in SCOPES:
        _, _, section = text.partition(f"\n## {form.name}\n")
        section = section.partition("\n## ")[0]
        for option in GROUPS[form.name.lower()].declared:
            assert f"| `{option.name}` |" in section, f"{form.name} {option.name}"
    assert set(FAULTS) == set(FaultKind)
    assert all(f"| `{kind.value}` |" in text for kind in FaultKind)


def test_every_default_is_a_value_of_its_option() -> None:
    required = {"from", "to", "recipients", "is", "faults", "addresses", "console", "beside", "groups"}
    for entry in schema().options.values():
        option = entry.option
        assert option is not None
        if option.default not in ((), "", ("", 0)):
            assert f"`{option.kind.show(option.default)}`" in PAGE.read_text(encoding="utf-8")
        assert option.meaning.endswith((".", "…")), option
        if "Required." in option.meaning:
            assert option.name in required
