"""python -m momentum_trio.machine.os_child MODULE:FUNCTION DESCRIPTOR: a child process in its role.

``os_spawn`` starts it; DESCRIPTOR is its end of the link. It ends when the role returns.
"""

from __future__ import annotations

import importlib
import socket
import sys

import trio

from momentum_trio.machine.contract import Role
from momentum_trio.machine.os_link import OsLink
from momentum_trio.machine.os_machine import os_machine


def main(place: str, descriptor: str) -> None:
    """Be a child in the role found at *place*."""
    connected = socket.socket(fileno=int(descriptor))
    connected.set_inheritable(False)
    module, _, name = place.partition(":")
    role: Role = getattr(importlib.import_module(module), name)
    trio.run(role, os_machine(), OsLink(connected))  # the link is closed by the end of the process


if __name__ == "__main__":
    main(*sys.argv[1:])
