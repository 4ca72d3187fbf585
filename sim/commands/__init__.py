"""The commands of ``ec_sim``: each is a file with what it takes and what it does.

Only the file of the command that is asked for is loaded. One that runs worlds first has a hash seed settled, which may
start the program again, and imports what runs them in the function that does: nothing of that is loaded twice.
"""

from __future__ import annotations

from importlib import import_module

from .command import Command

COMMANDS = {
    "check": "say what is wrong with a scenario, or what is in it",
    "run": "run one seed of a scenario",
    "console": "try a running world by hand",
    "swarm": "run many seeds of a scenario over several processes",
    "replay": "run a saved failing scenario again",
    "shrink": "make a failing scenario as small as it can be",
    "show": "write a run as an HTML page",
    "diff": "show where two traces part",
    "same": "run one seed in many processes and compare",
    "fair": "compare one load beside others with it alone",
    "plant": "make a copy of the tree that has a planted bug",
    "planted": "look for planted bugs: how many seeds until each is found",
}
"""By name, with what each is for."""


def load(name: str) -> Command:
    """The command of that name, one of ``COMMANDS``."""
    found: Command = import_module(f".{name}", __name__).COMMAND
    return found
