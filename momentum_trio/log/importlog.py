"""The importlog: messages taken over from another spool (spec/logs.md section 10)."""

from __future__ import annotations

from momentum_trio.log.escaping import field, rest
from momentum_trio.mail.record import Imported


def imported(record: Imported) -> str:
    """``time@OLDID@I@NEWID@RESULT@DIR``: the directory is the rest of the line."""
    ids = f"{field(record.old_id)}@I@{field(record.new_id)}"
    return f"{int(record.at)}@{ids}@{record.result.value}@{rest(record.directory)}"
