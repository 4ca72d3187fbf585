"""Child processes of this program, each in a role (``os_child`` is what they run)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

import trio

from momentum_trio.machine.contract import Role, Roles, check_message
from momentum_trio.machine.os_link import OsLink

CHILD = "momentum_trio.machine.os_child"


class OsChild:
    """``machine.contract.Child``."""

    __slots__ = ("_process", "link")

    def __init__(self, process: trio.Process, link: OsLink) -> None:
        self._process = process
        self.link = link

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def signal(self, name: str) -> None:
        """Send it the signal *name*, ``SIGTERM``. Nothing happens when it has ended."""
        self._process.send_signal(signal.Signals[name])

    async def wait(self) -> int:
        """Its exit status, or less the number of the signal it died of."""
        return await self._process.wait()


class OsSpawn:
    """``machine.contract.Spawn``. A child has this process's modules, environment, stdout and stderr; no stdin.

    Raises: ValueError for a role that is no function at the top of a module.
    """

    __slots__ = ("_roles",)

    def __init__(self, roles: Roles) -> None:
        self._roles = {name: _place(role) for name, role in roles.items()}

    async def __call__(self, role: str, sockets: Sequence[trio.socket.SocketType] = ()) -> OsChild:
        """Start a child in *role*."""
        place = self._roles[role]
        check_message(role.encode(), sockets)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link = OsLink(ours)
        try:
            with theirs:
                await link.send(role.encode(), sockets)  # waits there for the child
                return OsChild(await _start(place, theirs.fileno()), link)
        except BaseException:
            link.close()
            raise


async def _start(place: str, descriptor: int) -> trio.Process:
    modules = os.pathsep.join(folder for folder in sys.path if folder)
    return await trio.lowlevel.open_process(
        [sys.executable, "-P", "-m", CHILD, place, str(descriptor)],
        stdin=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        env={**os.environ, "PYTHONPATH": modules},
    )


def _place(role: Role) -> str:
    """Where a child finds *role*: ``module:function``."""
    module, name = getattr(role, "__module__", "__main__"), getattr(role, "__qualname__", "")
    if module == "__main__" or not name.isidentifier():
        raise ValueError(f"a role is a function at the top of a module, not {role!r}")
    return f"{module}:{name}"
