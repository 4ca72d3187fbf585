"""Starting a host in the background: it says itself when it is ready (sd_notify(3)), or why it never will be."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

NOTICE_OCTETS = 4096
TAIL_LINES = 20
"""Of what a host said that did not start."""

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class StartFailed(Exception):
    """Why there is no host."""


def start(config: str, output: str, seconds: float, arguments: Sequence[str] = ()) -> int:
    """Start a host with *config*; its pid once all its sockets are bound. What it prints goes to *output*, made anew.

    Raises: StartFailed when it ended, or was not ready within *seconds* (it is left to itself then); OSError.
    """
    command = [sys.executable, "-m", "momentum_trio.cli.ecelerity", "-c", os.path.abspath(config), *arguments]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind("")  # unix(7), autobind: an abstract name that nobody else has
        notices.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        name = "@" + notices.getsockname()[1:].decode("ascii")
        with open(output, "wb", opener=_for_us) as said:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, "NOTIFY_SOCKET": name},
                start_new_session=True,
            )
        _await_ready(process, notices, output, seconds)
    return process.pid


def _for_us(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)


def _await_ready(process: subprocess.Popen[bytes], notices: socket.socket, output: str, seconds: float) -> None:
    limit = time.monotonic() + seconds
    poll, ended = select.poll(), os.pidfd_open(process.pid)
    try:
        poll.register(notices, select.POLLIN)
        poll.register(ended, select.POLLIN)
        while (left := limit - time.monotonic()) > 0:
            happened = {descriptor for descriptor, _ in poll.poll(left * 1000)}
            if notices.fileno() in happened and _is_ready(notices, process.pid):
                return
            if ended in happened:
                raise StartFailed(f"it ended with status {process.wait()}{_tail(output)}")
    finally:
        os.close(ended)
    late = f"it was not ready within {seconds:g} seconds and goes on starting as pid {process.pid}"
    raise StartFailed(late + _tail(output))


def _is_ready(notices: socket.socket, pid: int) -> bool:
    """Whether the process of that *pid* says so; others may say what they like."""
    octets, ancillary, _, _ = notices.recvmsg(NOTICE_OCTETS, socket.CMSG_SPACE(_CREDENTIALS.size))
    sender = next((_CREDENTIALS.unpack(data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS), None)
    return sender == pid and b"READY=1" in octets.split(b"\n")


def _tail(output: str) -> str:
    try:
        lines = Path(output).read_text(errors="replace").splitlines()[-TAIL_LINES:]
    except OSError:
        return ""
    return "".join(f"\n  {line}" for line in lines)
