"""The acctlog: who proved who he is, and what he was allowed to do (spec/logs.md section 6)."""

from __future__ import annotations

from momentum_trio.log.escaping import field
from momentum_trio.mail.record import Authenticated, Authorized


def authenticated(record: Authenticated) -> str:
    """``time@N@LISTENER@PEER@USER@RESULT``, ``T`` where the proof took too long."""
    return "@".join(
        (
            str(int(record.at)),
            "T" if record.expired else "N",
            field(record.endpoint),
            field(record.peer),
            field(record.user),
            "1" if record.accepted else "0",
        )
    )


def authorized(record: Authorized) -> str:
    """``time@Z@LISTENER@PEER@USER@RESULT@COMMAND[@ROLE]``: the role only when the command was allowed."""
    line = (
        f"{int(record.at)}@Z@{field(record.endpoint)}@{field(record.peer)}@{field(record.user)}"
        f"@{int(record.accepted)}@{field(record.command)}"
    )
    return f"{line}@{field(record.role)}" if record.accepted and record.role else line
