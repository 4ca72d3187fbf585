"""What becomes of old journals: ``cidr_maintain.conf``, and which files go, or become one file of a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from momentum_trio.protocol.series.journal import FileName, day_name, is_series
from momentum_trio.protocol.series.moment import DAY_SECONDS

FOLDER: Final = "/var/log/eccluster/aslogger"
RETENTION_DAYS: Final = 30
DAYS_MAX: Final = 100_000
TEXT_OCTETS_MAX: Final = 65_536
_SPOKEN: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Upkeep:
    """As ``cidr_maintain.conf`` says. series: those that are looked after; None: all there are.

    retention_days: how old journals may become. condense_days: those of a day become one compressed file when it has
    been over for so many days; None: never.
    """

    folder: str = FOLDER
    series: frozenset[str] | None = None
    retention_days: int = RETENTION_DAYS
    condense_days: int | None = 0


class Work(NamedTuple):
    """remove: files whose time is over. condense: names of files of a day, and those that go into each."""

    remove: list[FileName]
    condense: Mapping[str, list[FileName]]


@dataclass(slots=True)
class _Settings:
    upkeep: Upkeep = field(default_factory=Upkeep)
    is_auto: bool = True
    series: frozenset[str] = frozenset()


def configured(text: str) -> Upkeep:
    """What the *text* of ``cidr_maintain.conf`` says: ``name = value``, ``#`` comments. Raises ValueError."""
    settings = _Settings()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].strip()
        if words:
            name, equals, value = (part.strip() for part in words.partition("="))
            try:
                if not equals:
                    raise ValueError("expected NAME = VALUE")
                _set(settings, name.lower(), _unquoted(value))
            except ValueError as fault:
                raise ValueError(f"line {number}: {fault}") from None
    return replace(settings.upkeep, series=None if settings.is_auto else settings.series)


def _set(settings: _Settings, name: str, value: str) -> None:
    match name:
        case "auto":
            settings.is_auto = _truth(value)
        case "series":
            settings.series = frozenset(map(_series, value.replace(",", " ").split()))
        case "retention":
            settings.upkeep = replace(settings.upkeep, retention_days=_days(value))
        case "condense":
            is_never = _SPOKEN.get(value.lower()) is False and not value.isdigit()
            settings.upkeep = replace(settings.upkeep, condense_days=None if is_never else _days(value))
        case "basedir":
            settings.upkeep = replace(settings.upkeep, folder=_folder(value))
        case _:
            raise ValueError(f"'{name[:40]}' is none of: auto, series, retention, condense, basedir")


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value


def _truth(value: str) -> bool:
    if value.lower() not in _SPOKEN:
        raise ValueError(f"expected true or false, not '{value[:40]}'")
    return _SPOKEN[value.lower()]


def _series(word: str) -> str:
    if not is_series(word):
        raise ValueError(f"'{word[:40]}' is no name of a series")
    return word


def _days(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) <= DAYS_MAX):
        raise ValueError(f"expected a number of days up to {DAYS_MAX}, not '{value[:40]}'")
    return int(value)


def _folder(value: str) -> str:
    if not value.startswith("/") or "\0" in value:
        raise ValueError("basedir is the absolute path of a folder")
    return value.rstrip("/") or "/"


def work(names: Iterable[FileName], upkeep: Upkeep, now: int) -> Work:
    """What is to be done with the files *names* at Unix second *now*."""
    ours = [name for name in names if upkeep.series is None or name.series in upkeep.series]
    oldest = now - upkeep.retention_days * DAY_SECONDS
    remove = sorted(name for name in ours if name.end <= oldest)
    condense: dict[str, list[FileName]] = {}
    if upkeep.condense_days is not None:
        today = now // DAY_SECONDS * DAY_SECONDS
        latest = today - upkeep.condense_days * DAY_SECONDS
        for name in sorted(set(ours) - set(remove)):
            if not name.is_day and name.day + DAY_SECONDS <= latest:
                condense.setdefault(day_name(name.series, name.day), []).append(name)
    return Work(remove, condense)
