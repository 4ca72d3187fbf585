"""``cluster show logs``: durable logs that others may gather, and how far they have (spec/console.md section 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from momentum_trio.console.command import Answer, Command, Data, Request
from momentum_trio.mail.log_position import Position
from momentum_trio.protocol.cluster.eccluster import LogFacts


async def _show(request: Request) -> Answer:
    logs = await request.administration.published_logs()
    return Answer("\n".join(_lines(logs)), _data(logs))


def _lines(logs: Sequence[LogFacts]) -> Iterator[str]:
    for log in logs:
        yield f"{log.name}"
        yield f"\t[on disk: {log.octets} bytes]"
        for reader in log.readers:
            yield f"\t[subscriber: '{reader.name}' @ {Position(reader.segment, reader.offset)}]"


def _data(logs: Sequence[LogFacts]) -> Data:
    return [
        {
            "log": log.name,
            "octets": log.octets,
            "subscribers": {reader.name: str(Position(reader.segment, reader.offset)) for reader in log.readers},
        }
        for log in logs
    ]


SHOW_LOGS = Command(
    ("cluster", "show", "logs"),
    "Show the durable logs that are gathered, and how far each subscriber is.",
    _show,
    help="Those that Logs of cluster publishes, once something was written to them.",
)
