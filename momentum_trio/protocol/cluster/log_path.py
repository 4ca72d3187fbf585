"""Where a line of a gathered log goes: the template ``Logfile`` filled in (spec/cluster.md section 8).

strftime's macros are those of UTC, by when a piece of a log is written. %{l}, %{n} and %{s} are the names of the log,
of its node and of the node's subcluster; they come from others, so that none of them is more than one part of the path.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

MACROS: Final = "YmdHMSjyUWVGabpAB"
NAMES: Final = "lns"
_MACRO: Final = re.compile(r"%(?:\{(.?)\}|(.?))", re.DOTALL)
TEMPLATE_LENGTH_MAX: Final = 1024


def check_template(template: str) -> None:
    """Raises ValueError if *template* is none."""
    expected = f"expected an absolute path; of % only {', '.join(f'%{{{name}}}' for name in NAMES)}, %% and %{MACROS}"
    if not template.startswith("/") or len(template) > TEMPLATE_LENGTH_MAX or not template.rpartition("/")[2]:
        raise ValueError(expected)
    for match in _MACRO.finditer(template):
        if (match[1] is not None and (not match[1] or match[1] not in NAMES)) or (
            match[1] is None and (not match[2] or match[2] not in MACROS + "%")
        ):
            raise ValueError(f"{expected}; not {match[0]}")


def log_path(template: str, at: float, log: str, node: str, subcluster: str) -> str:
    """The path that *template* stands for at Unix second *at*."""
    named = {"l": log, "n": node, "s": subcluster}
    moment = datetime.fromtimestamp(at, UTC)

    def filled(match: re.Match[str]) -> str:
        if match[1]:
            return part(named[match[1]])
        return "%" if match[2] == "%" else moment.strftime(f"%{match[2]}")

    return _MACRO.sub(filled, template)


def root(template: str) -> str:
    """The folder above all paths that *template* may stand for."""
    return template.partition("%")[0].rpartition("/")[0] or "/"


def part(name: str) -> str:
    """*name* as one part of a path, which no other name has."""
    written = quote(name, safe=" @+=,:")
    return written.replace(".", "%2E") if not written.strip(".") else written or "%"
