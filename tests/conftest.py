"""What tests of several rooms need of the machine they run on."""

from __future__ import annotations

import pytest
import trio

from momentum_trio.machine.os_gate import OsGate


@pytest.fixture
async def socket_filter() -> None:
    """The test needs SO_ATTACH_FILTER, which some kernels keep to root; it is skipped where it cannot be had."""
    with trio.socket.socket() as probe:
        await probe.bind(("127.0.0.1", 0))
        probe.listen()
        if not OsGate().shut(probe):
            pytest.skip("this kernel does not let this user attach a filter to a socket")
