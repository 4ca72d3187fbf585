"""What a process has open: for the checks that nothing leaks."""

from __future__ import annotations

import trio

from .host import Life


def footprint(life: Life) -> dict[str, int]:
    """Tasks, sockets and open files of *life*, counted."""
    return {
        "tasks": sum(_count(task) for task in life.host.world.nursery.child_tasks if task.name == str(life)),
        "sockets": len(life.descriptors()),
        "files": life.disk.open_files,
    }


def _count(task: trio.lowlevel.Task) -> int:
    return 1 + sum(_count(child) for nursery in task.child_nurseries for child in nursery.child_tasks)
