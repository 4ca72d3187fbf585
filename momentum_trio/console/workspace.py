"""What one console session has under way; it ends with the session."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.config.transaction import Transaction


@dataclass(slots=True)
class Workspace:
    """transaction: changes not yet made, which belong to this session alone; None when it has begun none."""

    transaction: Transaction | None = None
