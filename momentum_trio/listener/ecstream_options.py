"""The options of ECStream connections (docs/protocols/ecstream.md); those of mail itself are reception's."""

from __future__ import annotations

from momentum_trio.config.kind import SECONDS, integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import PATHWAYS, scopes
from momentum_trio.protocol.ecstream.batch import MESSAGES_MAX
from momentum_trio.protocol.ecstream.frame import FRAME_OCTETS_MAX, FRAME_OCTETS_MIN, WINDOW_OCTETS_MIN

ECSTREAM = scopes("ecstream_listener", "listen", "peer") | PATHWAYS
WINDOW_OCTETS_MAX = 256 * 1024 * 1024
BATCH_SIZE_MAX = 2**31 - 1


class EcstreamOptions(Options):
    """What one connection depends on, resolved along the chain of its listener, Listen and peer."""

    idle_time = Option(
        "ECStream_Idle_Time", SECONDS, 300.0, ECSTREAM, "Silence tolerated before ERROR (IDLE) and close; 0: any."
    )
    batch_messages_max = Option(
        "ECStream_Max_Batch_Size",
        integer_between(1, BATCH_SIZE_MAX),
        10_000,
        ECSTREAM,
        f"Messages of one batch; {MESSAGES_MAX} in any case. Others get their turn between two batches.",
    )
    frame_octets_max = Option(
        "ECStream_Max_Frame_Size",
        integer_between(FRAME_OCTETS_MIN, FRAME_OCTETS_MAX, "size-bytes", "octets"),
        4 * 1024 * 1024,
        ECSTREAM,
        "Octets of one frame, and at most those of the window; content that is larger comes in chunks.",
        ours=True,
    )
    window_octets = Option(
        "ECStream_Window_Size",
        integer_between(WINDOW_OCTETS_MIN, WINDOW_OCTETS_MAX, "size-bytes", "octets"),
        16 * 1024 * 1024,
        ECSTREAM,
        "Octets that a client may send before they are acknowledged or written away.",
        ours=True,
    )
