"""What happened with whom, by address: the series of ``Replicate "metrics"``."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
import trio.testing

from momentum_trio.mail.record import (
    Delivered,
    Failed,
    Received,
    Record,
    Rejected,
    SessionBegan,
    SessionEnded,
    Transferred,
)
from momentum_trio.node import series
from momentum_trio.node.series import Series, address_of, kind_of

MESSAGE = (0.0, "id", "batch", "connection", "a@b", "c@d", "default", "default")
DELIVERED = Delivered(*MESSAGE, "example.com", 1, 0, 1.0, "192.0.2.9")


@pytest.mark.parametrize(
    ("record", "kind", "address"),
    [
        (SessionBegan(0.0, "SMTP", "id", ":25", "192.0.2.1:4711"), "connect", "192.0.2.1"),
        (SessionBegan(0.0, "SMTP", "id", ":25", "[2001:db8::1]:4711"), "connect", "2001:db8::1"),
        (SessionBegan(0.0, "SMTP", "id", "/tmp/smtp", ""), "connect", None),
        (SessionBegan(0.0, "Control", "id", ":2025", "192.0.2.1:4711"), None, "192.0.2.1"),
        (SessionEnded(0.0, "SMTP", "id", 1, 1, "quit"), None, None),
        (Received(*MESSAGE, "192.0.2.7", 1, "esmtp"), "reception", "192.0.2.7"),
        (Received(*MESSAGE, "unknown", 1, "rest"), "reception", None),
        (Rejected(0.0, "192.0.2.2:1", "", "", "", "", "", 550, "relay", ""), "rejection", "192.0.2.2"),
        (DELIVERED, "delivery", "192.0.2.9"),
        (Transferred(*MESSAGE, "example.com", 1, 0, 1.0, "192.0.2.9"), None, "192.0.2.9"),
        (Failed(*MESSAGE, True, "example.com", 1, 1, 0, 1.0, "192.0.2.9", "why"), "permfail", "192.0.2.9"),
        (Failed(*MESSAGE, False, "example.com", 1, 1, 0, 1.0, "", "why"), "transfail", None),
    ],
    ids=lambda value: value.__class__.__name__ if isinstance(value, Record) else str(value),
)
def test_which_series_and_whose(record: Record, kind: str | None, address: str | None) -> None:
    assert (kind_of(record), address_of(record)) == (kind, address)


async def test_an_address_is_forgotten_when_it_was_quiet_for_long(autojump_clock: trio.testing.MockClock) -> None:
    counts: Counter[str] = Counter()
    told = Series("delivery", lambda address, delta: counts.update({address: delta}))
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        told.take(Delivered(*MESSAGE, "example.com", 1, 0, 1.0, address))
    assert counts == {"192.0.2.1": 2, "192.0.2.2": 1}
    await trio.sleep(series.QUIET_SECONDS / 2)
    told.take(Delivered(*MESSAGE, "example.com", 1, 0, 1.0, "192.0.2.1"))
    await trio.sleep(series.QUIET_SECONDS / 2)
    told.take(Delivered(*MESSAGE, "example.com", 1, 0, 1.0, "192.0.2.3"))
    assert +counts == {"192.0.2.1": 3, "192.0.2.3": 1}


async def test_so_many_addresses_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "ADDRESSES_MAX", 2)
    counts: Counter[str] = Counter()
    told = Series("delivery", lambda address, delta: counts.update({address: delta}))
    for number in (1, 2, 1, 3):
        told.take(Delivered(*MESSAGE, "example.com", 1, 0, 1.0, f"192.0.2.{number}"))
    assert +counts == {"192.0.2.1": 2, "192.0.2.3": 1}
