"""``listeners``: each Listen with its state, sessions and octets. Ours: the original product has no such command."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.console.command import Answer, Command, Data, Request
from momentum_trio.console.facade import ListenReport

_HEADINGS = ("Listener", "Listen", "State", "Sessions", "Total", "Received", "Sent")
_NAMES_COUNT = 3
"""So many columns hold names and stand left; the others are numbers."""


async def _listeners(request: Request) -> Answer:
    reports = request.administration.listeners()
    if not reports:
        return Answer("There is no Listen.", [])
    return Answer(_table([_HEADINGS, *map(_row, reports)]), [_fields(report) for report in reports])


def _row(report: ListenReport) -> tuple[str, ...]:
    endpoint = report.endpoint if report.bound in ("", report.endpoint) else f"{report.endpoint} = {report.bound}"
    counts = (report.sessions, report.sessions_total, report.octets_received, report.octets_sent)
    return (report.listener, endpoint, report.state.value, *map(str, counts))


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if index < _NAMES_COUNT else f"{cell:>{width}}"
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _fields(report: ListenReport) -> Data:
    return {
        "listener": report.listener,
        "listen": report.endpoint,
        "bound": report.bound,
        "state": report.state.value,
        "sessions": report.sessions,
        "sessions_total": report.sessions_total,
        "octets_received": report.octets_received,
        "octets_sent": report.octets_sent,
    }


LISTENERS = Command(
    ("listeners",),
    "Show each Listen: its state, its sessions and the octets they moved.",
    _listeners,
    help="State: open; disabled (Enable = false, sessions may go on); elsewhere (its address floats, and is not\n"
    "here); failed (it could not be bound). Sessions are those open now; the other counts are since the start.",
)
