"""The httplog: a line for each request over HTTP (spec/logs.md section 8), and what the paniclog has of one."""

from __future__ import annotations

from momentum_trio.log.escaping import quoted, word
from momentum_trio.mail.record import Requested

NOTHING = "-"


def requested(record: Requested) -> str:
    """``time peer endpoint "METHOD path HTTP/1.1" status octets milliseconds``, the path without its first slash."""
    peer = word(record.peer) if record.peer else NOTHING
    return f"{int(record.at)} {peer} {word(record.endpoint)} {_rest(record)}"


def in_paniclog(record: Requested) -> str:
    """``time:address "METHOD path HTTP/1.1" status octets milliseconds``: the peer without his port."""
    address = record.peer.rpartition(":")[0].strip("[]")
    return f"{int(record.at)}:{word(address) if address else NOTHING} {_rest(record)}"


def _rest(record: Requested) -> str:
    return f"{quoted(_line(record))} {record.status} {record.octets} {record.seconds * 1000:.3f}"


def _line(record: Requested) -> str:
    """The request line; NOTHING where there was none."""
    if not record.method:
        return NOTHING
    return f"{record.method} {record.target.removeprefix('/')} HTTP/{record.version}"
