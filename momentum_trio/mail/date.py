"""Dates as header fields and greetings write them (RFC 5322 section 3.3)."""

from __future__ import annotations

from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def date_text(second: int) -> str:
    """The Unix *second* in UTC: ``Tue, 29 Sep 2009 10:11:56 +0000``. Names are English whatever the locale."""
    at = datetime.fromtimestamp(second, UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year}"
        f" {at.hour:02d}:{at.minute:02d}:{at.second:02d} +0000"
    )


class DateOfSecond:
    """``date_text`` for a clock that is asked many times a second: formats each second once."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second, self._text = -1, ""

    def at(self, now: float) -> str:
        """The date of *now*, Unix seconds."""
        if (second := int(now)) != self._second:
            self._second, self._text = second, date_text(second)
        return self._text
