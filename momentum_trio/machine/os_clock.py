"""The host's wall clock."""

from __future__ import annotations

import time


class OsClock:
    """``machine.contract.Clock`` as the operating system keeps it."""

    __slots__ = ()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()
