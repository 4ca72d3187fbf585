"""The programs as processes, forked off one that has imported them: that takes longer than all else they do."""

from __future__ import annotations

import os
import sys
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from momentum_trio.cli import eccmgr, ecelerity

PROGRAMS = {"ecelerity": ecelerity.main, "eccmgr": eccmgr.main}


def begin(program: str, config: Path, output: Path) -> BaseProcess:
    """*program*, running; what it prints is appended to *output*."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["momentum_trio.cli.eccmgr"])
    process = context.Process(target=_be, args=(program, str(config), str(output)), daemon=True)
    process.start()
    return process


def _be(program: str, config: str, output: str) -> None:
    written = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for standard in (1, 2):
        os.dup2(written, standard)
    sys.stdout, sys.stderr = (os.fdopen(standard, "w", buffering=1) for standard in (1, 2))
    sys.exit(PROGRAMS[program](["-c", config]))
