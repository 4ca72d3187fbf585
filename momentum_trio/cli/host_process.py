"""A host by its pid file: whether it runs, signals to it, and waiting for its end.

Everything goes through a descriptor of the process (pidfd_open(2)): what is looked at, signalled and waited for is one
process, even where the kernel gives its number to another meanwhile.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PID_MAX = 1 << 22  # proc(5), pid_max
PROGRAMS = ("ecelerity", "momentum_trio")


class HostProcess:
    """One that lives. Its descriptor is closed by ``running``."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid, self._descriptor = pid, descriptor

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended. Raises PermissionError."""
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            pass

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end; whether it came in time."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


@contextmanager
def running(pid_file: str) -> Iterator[HostProcess | None]:
    """The host whose number is in *pid_file*; None when there is no such file, or no such host.

    A process that is none of ours is not taken for it, whatever the file says. Raises OSError.
    """
    pid = _number(pid_file)
    try:
        descriptor = os.pidfd_open(pid) if pid else -1
    except ProcessLookupError:
        descriptor = -1
    try:
        yield HostProcess(pid, descriptor) if descriptor >= 0 and _is_ours(pid) else None
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _number(pid_file: str) -> int:
    """What the file says; 0 when that is no process."""
    try:
        with open(pid_file, encoding="ascii", errors="replace") as file:
            text = file.read(32).strip()
    except FileNotFoundError:
        return 0
    return int(text) if text.isdigit() and len(text) <= 7 and int(text) <= PID_MAX else 0


def _is_ours(pid: int) -> bool:
    """Whether the process has our program's name among its first words, where the kernel tells."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        ended = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
    names = [os.path.basename(word.decode(errors="replace")) for word in words[:5]]
    return not ended and any(name.partition(".")[0] in PROGRAMS for name in names)
