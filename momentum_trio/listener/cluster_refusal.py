"""A refused connection of the cluster, as the rejectlog has it: the bus and ECCluster share codes and frames."""

from __future__ import annotations

from momentum_trio.listener.kind import Connection
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Rejected
from momentum_trio.protocol.msgc.frame import Code, Kind, Sealer, encode_refused

NOT_ALLOWED_CODE = 554
"""What a refusal is in the rejectlog, where SMTP's replies are: no service here (RFC 5321 section 3.1)."""


def rejected(machine: Machine, connection: Connection, module: str, protocol: str, code: Code, why: str) -> None:
    """The rejectlog has that *connection* was refused with *code*. protocol: as the listener's records call it."""
    machine.events.publish(
        Rejected(
            machine.clock.now(),
            connection.peer,
            connection.local,
            connection.connection_id,
            pathway="default",
            pathway_group="default",
            phase="just connected",
            code=NOT_ALLOWED_CODE,
            module=module,
            text=f"{code.name}: {why}",
            protocol=protocol,
        )
    )


def last_word(code: Code, why: str) -> bytes:
    """REFUSED for somebody who gets no conversation."""
    return Sealer().seal(Kind.REFUSED, encode_refused(code, why))
