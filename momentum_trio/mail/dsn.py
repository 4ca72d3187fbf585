"""What a sender asked about delivery status notifications (RFC 3461 sections 4.1 and 4.3), as values."""

from __future__ import annotations

from enum import IntFlag


class Notify(IntFlag):
    """When to notify the sender about one recipient. UNSET, no NOTIFY given, asks for FAILURE, and allows DELAY."""

    UNSET = 0
    NEVER = 1
    SUCCESS = 2
    FAILURE = 4
    DELAY = 8

    @property
    def on_failure(self) -> bool:
        """Whether a message that failed for good is reported."""
        return self is Notify.UNSET or bool(self & Notify.FAILURE)

    @property
    def on_delay(self) -> bool:
        """Whether a message that waits may be reported."""
        return self is Notify.UNSET or bool(self & Notify.DELAY)
