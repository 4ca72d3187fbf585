"""Where records of what happened go: a fan-out the log, metrics and (under sim) the trace subscribe to."""

from __future__ import annotations

from collections.abc import Callable

from momentum_trio.mail.record import Record

Subscriber = Callable[[Record], None]


class Events:
    """Hands every record to every subscriber, in the order they subscribed, at once and without awaiting.

    A subscriber must not block and must not raise: what it cannot do at once it queues, within a bound of its own.
    """

    def __init__(self) -> None:
        self._subscribers: tuple[Subscriber, ...] = ()

    def publish(self, record: Record) -> None:
        """Hand *record* to every subscriber."""
        for subscriber in self._subscribers:
            subscriber(record)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Add *subscriber*; it sees records published from now on."""
        self._subscribers = (*self._subscribers, subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove *subscriber*, which must have been added."""
        assert subscriber in self._subscribers
        self._subscribers = tuple(s for s in self._subscribers if s != subscriber)
