"""Planted bugs: each still applies, compiles, and is about what exists; and what is no patch is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sim import checks
from sim.planted import FOLDER, PLANTED, ROOT, PatchError, Planted, apply, patched, read
from sim.run import FAILURES

LINES_MAX = 40  # of a patch, its changed lines alone: a bug is a slip, not a program
WANTED_COUNT = 12


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_it_applies_and_compiles(planted: Planted) -> None:
    for path, text in patched(planted):
        assert text != (ROOT / path).read_text("utf-8")
        compile(text, path, "exec", dont_inherit=True)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_it_is_small_and_says_who_finds_it(planted: Planted) -> None:
    names = {check.name for check in checks.ALL} | {name for _, name in FAILURES}
    assert planted.meaning.endswith(".")
    assert planted.checks
    assert set(planted.checks) <= names
    text = (FOLDER / f"{planted.name}.patch").read_text("utf-8")
    assert sum(line[:1] in ("+", "-") for line in text.splitlines()) <= LINES_MAX


def test_there_are_enough_and_each_has_its_number() -> None:
    assert [planted.name[:2] for planted in PLANTED] == [f"{number:02d}" for number in range(1, len(PLANTED) + 1)]
    assert len(PLANTED) >= WANTED_COUNT


def test_a_copy_of_the_tree_has_the_bug_and_runs(tmp_path: Path) -> None:
    planted = next(planted for planted in PLANTED if "first_peer" in planted.name)
    apply(planted, tmp_path)
    program = """
from momentum_trio.net.netblock import Netblock, NetblockTable, parse_address
blocks = [Netblock.parse(text) for text in ("10.0.0.0/8", "10.1.0.0/16")]
print(NetblockTable((block, str(block)) for block in blocks).most_specific(parse_address("10.1.2.3")))
import sim.planted, sim.run
"""
    for place, found in ((tmp_path, "10.0.0.0/8"), (ROOT, "10.1.0.0/16")):
        done = subprocess.run([sys.executable, "-c", program], cwd=place, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == found


TREE = {"momentum_trio/a.py": "one\ntwo\nthree\nfour\ntwo\n"}
HEAD = (
    "A bug.\n\nChecks: drained\nFaults: kill power\nNeeds: much\n\n--- a/momentum_trio/a.py\n+++ b/momentum_trio/a.py\n"
)


def tree(folder: Path) -> Path:
    (folder / "momentum_trio").mkdir()
    for name, text in TREE.items():
        (folder / name).write_text(text)
    return folder


def given(folder: Path, text: str) -> Planted:
    path = folder / "01_a_bug.patch"
    path.write_text(text)
    return read(path)


def test_hunks_are_found_where_their_lines_stand(tmp_path: Path) -> None:
    planted = given(tmp_path, HEAD + "@@ -9,2 +9,1 @@ def x\n one\n-two\n@@ -12 +11,2 @@\n-four\n+vier\n+fuenf\n")
    assert (planted.meaning, planted.needs, [kind.value for kind in planted.kinds]) == (
        "A bug.",
        "much",
        ["kill", "power"],
    )
    assert list(patched(planted, tree(tmp_path))) == [("momentum_trio/a.py", "one\nthree\nvier\nfuenf\ntwo\n")]


@pytest.mark.parametrize(
    ("hunk", "said"),
    [
        ("@@ -1 +1 @@\n-ONE\n+1\n", "does not read as the patch says"),
        ("@@ -1 +1 @@\n-two\n+2\n", "stand in 2 places"),
        ("@@ -4 +4 @@\n-four\n+4\n@@ -1 +1 @@\n-one\n+1\n", "does not read as the patch says"),
    ],
)
def test_a_tree_that_reads_otherwise_is_left_alone(tmp_path: Path, hunk: str, said: str) -> None:
    planted = given(tmp_path, HEAD + hunk)
    with pytest.raises(PatchError, match=said):
        list(patched(planted, tree(tmp_path)))


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        HEAD.replace("Checks: drained\n", "") + "@@ -1 +1 @@\n-one\n+1\n",
        HEAD.replace("kill", "rain") + "@@ -1 +1 @@\n-one\n+1\n",
        HEAD + "-one\n",
        HEAD + "@@ -1,2 +1,2 @@\n-one\n+1\n",
        HEAD.replace("momentum_trio/a", "sim/a") + "@@ -1 +1 @@\n-one\n+1\n",
        HEAD.replace("b/momentum_trio/a", "b/momentum_trio/b") + "@@ -1 +1 @@\n-one\n+1\n",
        HEAD.replace("trio/a", "trio/../a") + "@@ -1 +1 @@\n-one\n+1\n",
    ],
)
def test_what_is_no_patch_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PatchError):
        given(tmp_path, text)
