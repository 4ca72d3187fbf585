"""Random stories (``random_world.py``): one digest in every process, and all that is healed answers again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from random_world import Story

RANDOM_WORLD = Path(__file__).with_name("random_world.py")
FIRST, AFTER = 100, 108
USED = (  # what befalls the hosts of a few stories
    *("power-loss", "kill", "pause", "freeze", "thaw", "cpu", "clock-step", "signal", "zombie", "keepalive", "timeout"),
    *("partition", "hold", "heal", "reset-all", "reset", "datagram", "link"),
    *("disk-fails", "disk-slow", "disk-error", "disk-rot", "disk-torn", "disk-read-only", "disk-full", "book"),
)


def test_one_digest_for_each_story_in_every_process() -> None:
    told = []
    for hash_seed in ("1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        arguments = [sys.executable, str(RANDOM_WORLD), str(FIRST), str(AFTER)]
        told.append(subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout)
    assert told[0] == told[1]
    assert len({line.split()[1] for line in told[0].splitlines()}) == AFTER - FIRST


def test_the_stories_have_everything_in_them() -> None:
    kinds = sum((Story(seed).run().kernel.kinds for seed in range(6)), Counter[str]())
    assert not [kind for kind in USED if not kinds[kind]], kinds
