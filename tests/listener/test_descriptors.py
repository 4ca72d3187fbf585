"""The reserve of descriptors: sessions leave enough for everything else that may be open at once."""

from __future__ import annotations

from momentum_trio.delivery.maildir import Maildir
from momentum_trio.listener.ceiling import (
    CONTROL_SESSIONS_RESERVE,
    DESCRIPTORS_RESERVE,
    DESCRIPTORS_RESERVE_PART,
    sessions_max,
)
from momentum_trio.machine.os_disk import JOBS_MAX
from momentum_trio.spool.content_files import KEPT_OPEN_MAX

OTHERS = 96


def test_the_reserve_holds_what_delivery_and_reception_keep_open() -> None:
    delivery = Maildir.attempts_max * Maildir.group_max
    assert delivery + KEPT_OPEN_MAX + JOBS_MAX + CONTROL_SESSIONS_RESERVE + OTHERS <= DESCRIPTORS_RESERVE


def test_sessions_and_reserve_never_exceed_what_there_is() -> None:
    for descriptors in (64, 256, 385, 1024, 4096, 65_536, 1_048_576):
        sessions = sessions_max(descriptors)
        assert sessions >= 1
        if descriptors > DESCRIPTORS_RESERVE:
            assert sessions + DESCRIPTORS_RESERVE <= descriptors
            assert sessions + descriptors // DESCRIPTORS_RESERVE_PART <= descriptors
