"""Options of recording sessions, all of them ours (docs/protocols/session-recording.md)."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, PATH, integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes

RECORDED = scopes("esmtp_listener", "listen", "peer")


class RecordOptions(Options):
    """Whether sessions are recorded, where, and when that ends."""

    path = Option(
        "Record_Sessions",
        PATH,
        "",
        RECORDED,
        "File that sessions are recorded in, a line each, for ec_session; none unless it is set.",
        ours=True,
    )
    sessions_max = Option(
        "Record_Sessions_Max",
        integer_between(1, 1_000_000),
        1000,
        RECORDED,
        "Sessions recorded in one life of the host; the rest are not.",
        ours=True,
    )
    octets_max = Option(
        "Record_Octets_Max",
        integer_between(1, 2**40, "size-bytes", "octets"),
        16 * 1024 * 1024,
        RECORDED,
        "Length of the file beyond which no session is recorded.",
        ours=True,
    )
    seconds_max = Option(
        "Record_Seconds",
        integer_between(1, 366 * 86_400, "time-seconds", "seconds"),
        3600,
        RECORDED,
        "How long after the first session of this life others are recorded.",
        ours=True,
    )
    content = Option(
        "Record_Content",
        BOOLEAN,
        False,
        RECORDED,
        "Keep the content of messages, as far as there is room; otherwise its length, hash and shape alone.",
        ours=True,
    )
