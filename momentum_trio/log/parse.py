"""The readers of all logs, by the names of their options; each takes a line without its end and never raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from momentum_trio.log.parse_acctlog import AcctlogEntry, acctlog_entry
from momentum_trio.log.parse_bouncelog import BouncelogEntry, bouncelog_entry
from momentum_trio.log.parse_httplog import Request, httplog_entry
from momentum_trio.log.parse_importlog import Import, importlog_entry
from momentum_trio.log.parse_mainlog import MainlogEntry, mainlog_entry
from momentum_trio.log.parse_paniclog import Fault, paniclog_entry
from momentum_trio.log.parse_rejectlog import RejectlogEntry, rejectlog_entry
from momentum_trio.log.reading import Unreadable

Entry: TypeAlias = MainlogEntry | BouncelogEntry | RejectlogEntry | AcctlogEntry | Fault | Import | Request

READERS: Final[Mapping[str, Callable[[str], Entry | Unreadable]]] = {
    "acctlog": acctlog_entry,
    "bouncelog": bouncelog_entry,
    "httplog": httplog_entry,
    "importlog": importlog_entry,
    "mainlog": mainlog_entry,
    "paniclog": paniclog_entry,
    "rejectlog": rejectlog_entry,
}
