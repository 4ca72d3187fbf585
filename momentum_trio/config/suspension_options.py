"""The one option that both reception, choosing a binding, and delivery read."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import OUTBOUND


class SuspensionOptions(Options):
    """Whether mail is held back, read along the outbound chain: by the queue, and where a binding is chosen."""

    suspended = Option("Suspend_Delivery", BOOLEAN, False, OUTBOUND, "Make no attempts; what is queued stays.")
