"""The commands of ``ec_sim``: each is a file with what it takes and what it does."""

from __future__ import annotations

from . import check, console, diff, fair, plant, planted, replay, run, same, show, shrink, swarm
from .command import Command

COMMANDS: tuple[Command, ...] = (
    check.COMMAND,
    run.COMMAND,
    console.COMMAND,
    swarm.COMMAND,
    replay.COMMAND,
    shrink.COMMAND,
    show.COMMAND,
    diff.COMMAND,
    same.COMMAND,
    fair.COMMAND,
    plant.COMMAND,
    planted.COMMAND,
)
