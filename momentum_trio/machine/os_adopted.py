"""Listening sockets that were open before us: systemd's LISTEN_FDS protocol (sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence

import trio

FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START
DESCRIPTORS_MAX = 1024


class OsAdopted:
    """``machine.contract.Adopted``: what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES hand to this process."""

    __slots__ = ("_environment", "_pid", "_taken")

    def __init__(self, environment: Mapping[str, str] | None = None, pid: int | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._pid = os.getpid() if pid is None else pid
        self._taken = False

    def listeners(self) -> Mapping[str, Sequence[trio.socket.SocketType]]:
        """The sockets by FileDescriptorName=; those that do not listen are closed. Empty at the second call."""
        if self._taken or self._environment.get("LISTEN_PID") != str(self._pid):
            return {}
        self._taken = True
        count = _count(self._environment.get("LISTEN_FDS", ""))
        names = self._environment.get("LISTEN_FDNAMES", "").split(":")
        adopted: dict[str, list[trio.socket.SocketType]] = {}
        for index in range(count):
            descriptor = FIRST_DESCRIPTOR + index
            os.set_inheritable(descriptor, False)
            handed = socket.socket(fileno=descriptor)
            if not handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                handed.close()
                continue
            handed.setblocking(False)
            name = names[index] if index < len(names) and names[index] else "unknown"
            adopted.setdefault(name, []).append(trio.socket.from_stdlib_socket(handed))
        return adopted


def _count(text: str) -> int:
    return min(int(text), DESCRIPTORS_MAX) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
