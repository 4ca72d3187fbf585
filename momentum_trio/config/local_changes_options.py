"""The options about the file that takes changes made at run time."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, PATH
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import GLOBAL


class LocalChangesOptions(Options):
    """Where ``config writeback`` writes what has no other place. The file is read by ``include.Loader``, last."""

    file = Option(
        "Local_Changes_File",
        PATH,
        "",
        GLOBAL,
        "File read after all others, so that it overrides them, to which run-time changes are written back that have "
        "no other place. It need not exist; it may not be the main file nor an included one.",
    )
    only = Option(
        "Local_Changes_Only",
        BOOLEAN,
        False,
        GLOBAL,
        "Write all run-time changes back to Local_Changes_File, which must then be set.",
    )
