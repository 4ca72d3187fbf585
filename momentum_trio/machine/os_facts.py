"""What this host is and what it uses: for people, so a file that is not there is an empty answer and no fault.

Manual pages: os-release(5), uname(2), proc_pid_statm(5), proc_meminfo(5).
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import sys
import threading

from momentum_trio.machine.facts import MemoryFacts, SystemFacts

OCTETS_PER_KIB = 1024


def system() -> SystemFacts:
    """What this host and its Python are."""
    uname = os.uname()
    words = f"{uname.sysname} {uname.nodename} {uname.release} {uname.version} {uname.machine}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return SystemFacts(_distribution(), words, python, sys.maxsize.bit_length() + 1)


def memory() -> MemoryFacts:
    """What this process and this host use now."""
    total, available = _meminfo()
    return MemoryFacts(
        resident=_resident(),
        resident_peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * OCTETS_PER_KIB,
        system_used=total - available,
        system_total=total,
        blocks=sys.getallocatedblocks(),
        collections=tuple(generation["collections"] for generation in gc.get_stats()),
        frozen=gc.get_freeze_count(),
        threads=threading.active_count(),
        descriptors=_descriptors(),
    )


def _descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # without the one that reads it
    except OSError:
        return 0


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def _resident() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _meminfo() -> tuple[int, int]:
    """Octets of memory there are, and that are to be had."""
    found = {"MemTotal": 0, "MemAvailable": 0}
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in found:
                    found[name] = int(value.split()[0]) * OCTETS_PER_KIB
    except (OSError, IndexError, ValueError):
        pass
    return found["MemTotal"], found["MemAvailable"]
