"""Planted bugs: what a testbed is measured by. Patch files, applied to a copy of the tree; the product has no switch.

A patch in ``planted/`` begins with what is broken, in words, then says which checks should find it (``Checks:``), which
kinds of faults are needed (``Faults:``, or ``none``), what else a scenario must have (``Needs:``), and the scenario it
is looked for in (``Scenario:``, mail_flow where nothing is said). Unified diffs against ``momentum_trio/`` follow. They
are applied strictly: a tree that does not read as the patch says is refused.

Real files are read and written here: not to be called inside a world.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .scenario import FaultKind

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(__file__).resolve().parent / "planted"
COPIED = ("momentum_trio", "sim")
PATCHED = "momentum_trio/"
SCENARIO = "mail_flow"  # that a bug is looked for in, where its patch names no other

_FILE = re.compile(r"--- a/(\S+)\n\+\+\+ b/(\S+)\n")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*\n")


class PatchError(Exception):
    """A patch is no patch, or the tree does not read as it says."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines *old*, which begin at line *first* of the file (from 1), become *new*."""

    first: int
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug. checks: any of which finds it. kinds: of faults it takes. needs: what the scenario must have besides.

    changes: of each file, by its path from the root of the tree. scenario: name of the one it is looked for in.
    """

    name: str
    meaning: str
    checks: tuple[str, ...]
    kinds: tuple[FaultKind, ...]
    needs: str
    changes: tuple[tuple[str, tuple[Hunk, ...]], ...]
    scenario: str = SCENARIO


def read(path: Path) -> Planted:
    """The bug in the file *path*. Raises PatchError."""
    text = path.read_text("utf-8")
    start = _FILE.search(text)
    if start is None:
        raise PatchError(f"{path.name}: no '--- a/FILE'")
    words, _, facts = text[: start.start()].partition("\n\n")
    said = dict(line.split(": ", 1) for line in facts.strip().splitlines() if ": " in line)
    try:
        checks, faults = said["Checks"].split(), said["Faults"].split()
        kinds = tuple(FaultKind(fault) for fault in faults if fault != "none")
    except (KeyError, ValueError) as wrong:
        raise PatchError(f"{path.name}: {wrong}") from wrong
    changes = tuple(_changes(path.name, text[start.start() :]))
    meaning, scenario = " ".join(words.split()), said.get("Scenario", SCENARIO)
    return Planted(path.stem, meaning, tuple(checks), kinds, said.get("Needs", ""), changes, scenario)


def apply(planted: Planted, into: Path, tree: Path = ROOT, *, copied: Sequence[str] = COPIED) -> None:
    """Copy *copied*, of the *tree*, into the folder *into* and plant the bug there. Raises PatchError, OSError."""
    for name in copied:
        if (tree / name).is_dir():
            shutil.copytree(tree / name, into / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(tree / name, into / name)
    for path, text in patched(planted, tree):
        (into / path).write_text(text, "utf-8")


def patched(planted: Planted, tree: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Path and new text of each file the bug changes. Raises PatchError, OSError."""
    for path, hunks in planted.changes:
        lines = (tree / path).read_text("utf-8").splitlines(keepends=True)
        yield path, "".join(_applied(f"{planted.name}: {path}", lines, hunks))


def _applied(where: str, lines: list[str], hunks: Sequence[Hunk]) -> Iterator[str]:
    """*lines* after *hunks*, each at the one place at or after the one before where its old lines stand."""
    done = 0
    for hunk in hunks:
        count = len(hunk.old)
        places = [at for at in range(done, len(lines) - count + 1) if tuple(lines[at : at + count]) == hunk.old]
        if not places:
            raise PatchError(f"{where}: line {hunk.first}: the file does not read as the patch says")
        if len(places) > 1:
            raise PatchError(f"{where}: line {hunk.first}: these lines stand in {len(places)} places")
        yield from lines[done : places[0]]
        yield from hunk.new
        done = places[0] + count
    yield from lines[done:]


def _changes(name: str, text: str) -> Iterator[tuple[str, tuple[Hunk, ...]]]:
    heads = list(_FILE.finditer(text))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        if head[1] != head[2] or not head[1].startswith(PATCHED) or ".." in head[1]:
            raise PatchError(f"{name}: {head[1]} is not one file of {PATCHED}")
        body = text[head.end() : following.start() if following is not None else len(text)]
        yield head[1], tuple(_hunks(f"{name}: {head[1]}", body.splitlines(keepends=True)))


def _hunks(where: str, lines: list[str]) -> Iterator[Hunk]:
    at = 0
    while at < len(lines):
        head = _HUNK.fullmatch(lines[at])
        if head is None:
            raise PatchError(f"{where}: expected '@@ -A,B +C,D @@', not {lines[at]!r}")
        olds, news = int(head[2] or 1), int(head[4] or 1)
        old: list[str] = []
        new: list[str] = []
        at += 1
        while len(old) < olds or len(new) < news:
            mark, line = (lines[at][:1], lines[at][1:]) if at < len(lines) else ("", "")
            if mark not in (" ", "-", "+"):
                raise PatchError(f"{where}: the hunk at line {head[1]} is cut short")
            if mark != "+":
                old.append(line)
            if mark != "-":
                new.append(line)
            at += 1
        yield Hunk(int(head[1]), tuple(old), tuple(new))


PLANTED: tuple[Planted, ...] = tuple(read(path) for path in sorted(FOLDER.glob("*.patch")))
"""Every bug there is, in the order of their names."""
