"""What tests of several rooms need of the machine they run on."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from momentum_trio.machine.os_gate import OsGate


@pytest.fixture
def socket_filter() -> None:
    """The test needs SO_ATTACH_FILTER, which some kernels keep to root; it is skipped where it cannot be had."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listening: Any = probe
        if not OsGate().shut(listening):
            pytest.skip("this kernel does not let this user attach a filter to a socket")
