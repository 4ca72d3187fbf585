"""The httplog: a line for each request over HTTP (spec/logs.md section 8), and what the paniclog has of one."""

from __future__ import annotations

import re

from momentum_trio.log.escaping import quoted
from momentum_trio.mail.record import Requested

NOTHING = "-"
_BARE = re.compile(r"[!#-\[\]-~]+")


def requested(record: Requested) -> str:
    """``time peer endpoint "METHOD path HTTP/1.1" status octets milliseconds``, the path without its first slash."""
    return f"{int(record.at)} {_word(record.peer)} {_word(record.endpoint)} {_rest(record)}"


def in_paniclog(record: Requested) -> str:
    """``time:address "METHOD path HTTP/1.1" status octets milliseconds``: the peer without his port."""
    address = record.peer.rpartition(":")[0].strip("[]")
    return f"{int(record.at)}:{_word(address)} {_rest(record)}"


def _rest(record: Requested) -> str:
    return f"{quoted(request_line(record))} {record.status} {record.octets} {record.seconds * 1000:.3f}"


def request_line(record: Requested) -> str:
    """The request line; NOTHING where there was none."""
    if not record.method:
        return NOTHING
    return f"{record.method} {record.target.removeprefix('/')} HTTP/{record.version}"


def _word(text: str) -> str:
    """*text*, in quotes where it could be taken for something else."""
    if not text:
        return NOTHING
    return text if _BARE.fullmatch(text) and text != NOTHING else quoted(text)
