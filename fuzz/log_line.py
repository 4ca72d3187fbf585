"""Any line is read by every log's reader without an exception, and what was read is written as a line that says it.

The second half is for the logs whose writer takes what its reader gives: mainlog failures and deliveries, panics.
"""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.log import mainlog, paniclog
from momentum_trio.log.parse import READERS
from momentum_trio.log.parse_mainlog import Delivery, Failure
from momentum_trio.log.parse_paniclog import Fault
from momentum_trio.log.reading import SHOWN_CHARACTERS_MAX, Unreadable
from momentum_trio.log.strategies import lines
from momentum_trio.mail.record import Delivered, Failed, Level, Panic, Transferred


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: lines of all logs, now and then anything at all."""
    return lines.map(lambda line: line.encode("utf-8", "backslashreplace")) | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    line = octets.decode("utf-8", "surrogateescape").replace("\n", "")
    for read in READERS.values():
        entry = read(line)
        if isinstance(entry, Unreadable):
            assert entry.reason
            assert len(entry.line) <= SHOWN_CHARACTERS_MAX
        elif (again := _written(entry)) is not None:
            assert read(again) == entry


def _written(entry: object) -> str | None:
    """*entry* as a line again, where its writer is exact for it."""
    match entry:
        case Failure() as e if float(f"{e.age_seconds:.2f}") == e.age_seconds:
            message = (e.at, e.message_id, e.batch_id, e.connection_id, "", "", e.binding_group, e.binding)
            attempt = (e.permanent, e.routing_domain, e.octets, e.stage, e.retries, e.age_seconds)
            return mainlog.failed(Failed(*message, *attempt, e.peer_address, e.reason))
        case Delivery() as e if float(f"{e.age_seconds:.3f}") == e.age_seconds:
            message = (e.at, e.message_id, e.batch_id, e.connection_id, "", "", e.binding_group, e.binding)
            kind = Transferred if e.transferred else Delivered
            return mainlog.delivered(
                kind(*message, e.routing_domain, e.octets, e.retries, e.age_seconds, e.peer_address)
            )
        case Fault(at, text):
            return paniclog.panic(Panic(at, Level.ERROR, text))
    return None
