"""``ec_sim check FILE``: is this a scenario that can be run, and what do its hosts' configurations lack?"""

from __future__ import annotations

import argparse
import sys

from ..scenario_text import check_command
from .command import Command, add_file


def _act(asked: argparse.Namespace) -> int:
    return check_command(asked.file, sys.stdout)


COMMAND = Command(add_file, _act)
