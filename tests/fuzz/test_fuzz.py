"""The fuzz harness itself, and a short run of every target."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import strategies as st

from fuzz.__main__ import attempt, drawn, fuzz, invariant, load, main, mutated, targets

SECONDS = 0.4


@pytest.mark.parametrize("name", targets())
def test_target(name: str) -> None:
    target = load(name)
    assert invariant(target).endswith(".")
    result = fuzz(target, SECONDS, 1)
    assert result.failure is None, result.failure
    assert result.runs > 0


def test_targets_are_found() -> None:
    assert "config_text" in targets()


class Fragile(ModuleType):
    """A target whose invariant does not hold."""

    def strategy(self) -> st.SearchStrategy[bytes]:
        return st.sampled_from([b"good", b"fine"])

    def run(self, octets: bytes) -> None:
        assert b"{" not in octets


def test_a_broken_invariant_is_found_again_with_its_seed() -> None:
    first, second = fuzz(Fragile("fragile"), 20.0, 7), fuzz(Fragile("fragile"), 20.0, 7)
    assert first.failure is not None
    assert b"{" in first.failure.octets
    assert second.failure is not None
    assert (first.failure.octets, first.runs) == (second.failure.octets, second.runs)
    assert attempt(Fragile("fragile").run, b"{") is not None


def test_seeds() -> None:
    assert drawn(st.binary(), 5) == drawn(st.binary(), 5)
    assert drawn(st.binary(), 5) != drawn(st.binary(), 6)
    assert mutated(b"abc", [b"d"], random.Random(1)) == mutated(b"abc", [b"d"], random.Random(1))


def test_one_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    octets = tmp_path / "input"
    octets.write_bytes(b"a = (")
    assert main(["config_text", "--input", str(octets)]) == 0
    assert "it holds" in capsys.readouterr().out


def test_the_command() -> None:
    command = [sys.executable, "-m", "fuzz", "config_text", "--seconds", "0.2", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "seed 1: " in done.stdout
    assert "a second" in done.stdout
