"""The pause before the greeting (the conntrol module): whether the client can wait."""

from __future__ import annotations

import trio

from momentum_trio.machine.contract import Wire


async def said_in_pause(wire: Wire, seconds: float, octets_max: int, *, at_once: bool) -> bytes | None:
    """Wait for *seconds*: what the client says meanwhile; empty: he left; None: he waited.

    at_once: return as soon as he has said something. Cancellation: what he said may be lost.
    """
    until = trio.current_time() + seconds
    said: bytes | None = None
    with trio.move_on_at(until):
        try:
            said = await wire.recv(octets_max)
        except OSError:  # a reset
            return b""
    if said and not at_once:
        await trio.sleep_until(until)
    return said
