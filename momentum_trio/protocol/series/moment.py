"""Moments as names of files and questions write them: ISO 8601, basic format, UTC (``20080423T123000``)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

DAY_SECONDS = 86_400
_PAIR = "([0-9]{2})"
_MOMENT = re.compile(f"([0-9]{{4}}){_PAIR}{_PAIR}(?:T{_PAIR}{_PAIR}{_PAIR})?")


def moment_text(second: int) -> str:
    """The Unix *second*."""
    return _written(second, "%Y%m%dT%H%M%S")


def day_text(second: int) -> str:
    """The day of the Unix *second*: ``20080423``."""
    return _written(second, "%Y%m%d")


def _written(second: int, template: str) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).strftime(template)


def is_day(text: str) -> bool:
    """Whether *text*, a moment, names a whole day."""
    return "T" not in text


def second_of(text: str) -> int:
    """The Unix second at which *text*, a day or a moment, begins. Raises ValueError."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text[:40]}' is no date: expected YYYYMMDD or YYYYMMDDThhmmss")
    try:
        year, month, day, hour, minute, second = (int(digits or 0) for digits in match.groups())
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"there is no {text}") from None
    if moment.year < 1970:
        raise ValueError(f"{text} is before 1970")
    return int(moment.timestamp())
