"""``show inbound`` and ``show outbound``: a line for each connection that is open (spec/console.md section 7)."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Data, Request
from momentum_trio.console.instruments import InboundConnection

MESSAGE_FACTORY = {"SMTP": "esmtp_message_factory"}
"""Who takes the octets, by service, where the manual names it; elsewhere it is the service."""


async def _inbound(request: Request) -> Answer:
    seen = request.administration.instruments.inbound()
    return Answer("\n".join(map(_line, seen)), list(map(_fields, seen)))


def _line(connection: InboundConnection) -> str:
    handler = MESSAGE_FACTORY.get(connection.service, connection.service.lower())
    phase = f" {connection.phase}" if connection.phase else ""
    marks = "".join(f"  [{mark}]" for mark in (connection.tls, "floating" if connection.floating else "") if mark)
    who = f"{_family(connection)} {connection.peer}"
    return f"{connection.descriptor}: [inbound/{handler}] {who}{phase} (for {connection.seconds:.3f}s){marks}"


def _family(connection: InboundConnection) -> str:
    return "Unix" if connection.peer.startswith("/") else f"IPv{connection.address.version}"


def _fields(connection: InboundConnection) -> Data:
    return {
        "descriptor": connection.descriptor,
        "service": connection.service,
        "family": _family(connection),
        "peer": connection.peer,
        "phase": connection.phase,
        "seconds": round(connection.seconds, 3),
        "floating": connection.floating,
        "tls": connection.tls,
    }


async def _outbound(request: Request) -> Answer:
    return await request.administration.ask_mail("show outbound")


INBOUND = Command(
    ("show", "inbound"),
    "Show all inbound connections: who, in which phase, for how long.",
    _inbound,
    help="Descriptor, who takes the octets, family, address and port (of a Unix peer: our path), phase, seconds in\n"
    "it. '[TLSv1.3]': what is spoken. '[floating]': a worker has it in hand (the spool, a policy).",
)
OUTBOUND = Command(
    ("show", "outbound"),
    "Show all outbound connections: which domain, and where to.",
    _outbound,
    help="As JSON with binding, host, port, stage of the conversation, seconds, and whether there is TLS.",
)
