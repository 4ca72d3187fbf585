"""The list of behaviours in README.md, made from the tests themselves.

``python tests/conformance/behaviours.py`` writes it anew.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
README = HERE / "README.md"
HEAD = """\
# Conformance: what production code may rely on

One body, two arms: each behaviour runs over the real loopback or disk and in the simulated world, and both must give
the outcome that stands beside it in the test. What the simulator gets wrong against Linux is mended in the simulator;
what it does differently on purpose stands in the heads of `sim/sockets/datagram.py`, `ports.py` and `patience.py`.

    .venv/bin/python -m pytest tests/conformance -q
    .venv/bin/python -m pytest tests/conformance/test_datagrams.py -q -k truncation

A behaviour is a function with a docstring of a sentence or two, listed with its outcome in its file's `BEHAVIOURS`, or
a test that takes both arms. After adding one: `.venv/bin/python tests/conformance/behaviours.py`, which writes these
tables. A test holds that they are true.
"""


def behaviours(module: ModuleType) -> Iterator[tuple[str, Callable[..., object]]]:
    """The id and the function of each behaviour in *module*, in the order of its file."""
    if hasattr(module, "BEHAVIOURS"):
        for behaviour, _ in module.BEHAVIOURS:
            yield behaviour.__name__, behaviour
        return
    for name, value in vars(module).items():
        if name.startswith("test_") and value.__module__ == module.__name__:
            yield name.removeprefix("test_"), value


def modules() -> list[ModuleType]:
    """All files of this room with tests of two arms."""
    names = sorted(path.stem for path in HERE.glob("test_*.py"))
    return [importlib.import_module(name) for name in names if name != "test_behaviours"]


def text() -> str:
    """README.md as it should be."""
    sections, total = [], 0
    for module in modules():
        rows = [f"| `{name}` | {' '.join((function.__doc__ or '').split())} |" for name, function in behaviours(module)]
        total += len(rows)
        title = " ".join((module.__doc__ or "").split("\n\n")[0].split())
        sections.append(
            "\n".join([f"## {module.__name__}.py ({len(rows)})", "", title, "", "| | |", "| --- | --- |", *rows])
        )
    return "\n\n".join([HEAD + f"\n{total} behaviours and laws:", *sections]) + "\n"


if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    README.write_text(text())
