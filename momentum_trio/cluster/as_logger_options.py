"""What the ``as_logger`` module of a manager is told (docs/cluster.md)."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, PATTERNS, integer_between, one_of, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.protocol.series.moment import DAY_SECONDS
from momentum_trio.protocol.series.upkeep import FOLDER

AS_LOGGER = scopes("as_logger")


def _folder(value: Value) -> str:
    path = word_of(value, "a path")
    if not path.startswith("/"):
        raise ValueError("expected the absolute path of a folder")
    return path.rstrip("/") or "/"


class AsLoggerOptions(Options):
    """Which series are journalled, where, and how often."""

    enabled = Option("Enabled", BOOLEAN, True, AS_LOGGER, "False: the scope is read, and nothing is journalled.")
    folder = Option("base_dir", Kind("path", _folder, quoted), FOLDER, AS_LOGGER, "The folder of the journals.")
    interval = Option(
        "log_interval",
        integer_between(1, DAY_SECONDS, unit="seconds"),
        60,
        AS_LOGGER,
        "Seconds that one journal is about; intervals end where they divide a day, by UTC.",
    )
    default = Option(
        "series_include_default", one_of("none", "all"), "none", AS_LOGGER, "Which series are journalled by default."
    )
    include = Option(
        "series_include",
        PATTERNS,
        (),
        AS_LOGGER,
        "With none: series in whose name one of these is found are journalled.",
    )
    exclude = Option(
        "series_exclude", PATTERNS, (), AS_LOGGER, "With all: series in whose name one of these is found are not."
    )
