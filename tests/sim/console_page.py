"""A page whose ``console`` blocks are run: what it shows is compared with what comes.

In a block, ``$ COMMAND`` is typed (with the lines of its here-document); what follows is its standard output. A line
``...`` stands for any lines, ``...`` in a line for anything in it. Numbers and digests are not compared, for they are
those of one run of one version; in a block marked ``console exact`` they are. A command ends with status 0, unless
``$ echo $?`` comes next and shows another.

``python tests/sim/console_page.py PAGE`` prints what the commands of a page give now, and writes their numbers into it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINKED = ("momentum_trio", "sim", "docs", "pyproject.toml")

_BLOCK = re.compile(r"^```console( exact)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE = re.compile(r"<<'(\w+)'")
_NUMBER = re.compile(r"\b[0-9a-f]{16,}\b|[0-9]+")
_LEFT_OUT = "..."


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a page. line: where it stands, from 1. shown: the lines that should come."""

    line: int
    command: str
    shown: tuple[str, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a step."""

    step: Step
    output: str
    errors: str
    status: int


def steps(page: str) -> Iterator[Step]:
    """The commands of *page* in order."""
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start(2)) + 1
        rest = block[2].splitlines()
        while rest:
            first = rest.pop(0)
            assert first.startswith("$ "), f"line {line}: not a command: {first}"
            typed, shown = [first[2:]], []
            if (here := _HERE.search(first)) is not None:
                while typed[-1] != here[1]:
                    typed.append(rest.pop(0))
            while rest and not rest[0].startswith("$ "):
                shown.append(rest.pop(0))
            yield Step(line, "\n".join(typed), tuple(shown), block[1] is not None)
            line += len(typed) + len(shown)


def perform(page: str, folder: Path) -> list[Done]:
    """Run the commands of *page* one after the other in one shell, in *folder*, laid out like a checkout."""
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    found, lines = list(steps(page)), ["shopt -s expand_aliases", "status=0"]
    for number, step in enumerate(found):
        places = [f"'{folder}/{kind}.{number}'" for kind in ("output", "errors", "status")]
        lines += ["(exit $status)", "{", step.command, f"}} > {places[0]} 2> {places[1]}", "status=$?"]
        lines += [f"echo $status > {places[2]}"]
    script = folder / "script"
    script.write_text("\n".join(lines) + "\n", "utf-8")
    subprocess.run(["bash", script], cwd=folder, env=_environment(os.environ), check=False, stdin=subprocess.DEVNULL)
    return [
        Done(
            step,
            (folder / f"output.{number}").read_text("utf-8"),
            (folder / f"errors.{number}").read_text("utf-8"),
            int((folder / f"status.{number}").read_text()),
        )
        for number, step in enumerate(found)
    ]


def _environment(base: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in base.items() if not name.startswith(("PYTHON", "PYTEST", "EC_SIM"))}


def as_shown(done: Done) -> bool:
    """Whether the output is what the page shows."""
    lines = [
        r"(?:.*\n)*?" if line == _LEFT_OUT else ".*".join(map(re.escape, line.split(_LEFT_OUT))) + r"\n"
        for line in _compared("\n".join(done.step.shown), done.step).splitlines()
    ]
    return re.fullmatch("".join(lines), _compared(done.output, done.step)) is not None


def assert_done(number: int, performed: Sequence[Done]) -> None:
    """The command *number* of a page did what the page says; its status is for ``echo $?``, where that follows."""
    done = performed[number]
    asked = number + 1 < len(performed) and performed[number + 1].step.command == "echo $?"
    assert as_shown(done), f"$ {done.step.command}\n{done.output}{done.errors}"
    assert done.status == 0 or asked, f"$ {done.step.command}\n{done.output}{done.errors}"
    if done.step.command == "echo $?":
        assert done.output.split() == list(done.step.shown)


def _compared(text: str, step: Step) -> str:
    return text if step.exact else _NUMBER.sub("0", text)


def refreshed(page: str, performed: Iterable[Done]) -> str:
    """*page* with the lines that came in the place of those shown that are the same but for numbers."""
    lines = page.splitlines()
    for done in performed:
        came = done.output.splitlines()
        first = done.step.line - 1 + done.step.command.count("\n") + 1
        for number, shown in enumerate(done.step.shown, first):
            masked = _compared(shown, done.step)
            at = next((at for at, line in enumerate(came) if _compared(line, done.step) == masked), None)
            if at is not None:
                lines[number], came = came[at], came[at + 1 :]
    return "\n".join(lines) + "\n"


def main() -> None:
    """The program."""
    path = Path(sys.argv[1])
    page = path.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        performed = perform(page, Path(folder))
    for done in performed:
        differs = "" if as_shown(done) else "  NOT AS SHOWN"
        print(f"$ {done.step.command}\n{done.output}{done.errors}[{done.status}]{differs}\n")
    path.write_text(refreshed(page, performed), "utf-8")


if __name__ == "__main__":
    main()
