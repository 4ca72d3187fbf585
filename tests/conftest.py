"""What tests of several rooms need of the machine they run on."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from trio.testing import MockClock

from momentum_trio.machine.os_gate import OsGate


@pytest.fixture
def socket_filter() -> None:
    """The test needs SO_ATTACH_FILTER, which some kernels keep to root; it is skipped where it cannot be had."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listening: Any = probe
        if not OsGate().shut(listening):
            pytest.skip("this kernel does not let this user attach a filter to a socket")


@pytest.fixture
def jumping_clock(mock_clock: MockClock) -> MockClock:
    """Time that passes only when nothing happens; with a grace for the kernel to carry loopback octets."""
    mock_clock.autojump_threshold = 0.05
    return mock_clock
