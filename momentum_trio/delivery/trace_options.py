"""Options of ``trace smtp``."""

from __future__ import annotations

from momentum_trio.config.kind import MODE, PATH
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import GLOBAL


class TraceOptions(Options):
    """Where traces of outbound conversations may be written."""

    mode = Option("Trace_SMTP_Mode", MODE, 0o640, GLOBAL, "Mode of files created by trace smtp.", dynamic=False)
    directory = Option(
        "Trace_SMTP_Directory",
        PATH,
        "/var/log/ecelerity",
        GLOBAL,
        "The one directory in which trace smtp makes files; what is there already is not touched.",
        ours=True,
        dynamic=False,
    )
