"""Options that the node itself reads: its spool, its limits, how it ends."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, MODE, OCTETS, PATH, SECONDS, STRINGS, integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import GLOBAL

DESCRIPTORS_WANTED_MAX = 10_000_000
SEGMENT_OCTETS_MIN, SEGMENT_OCTETS_MAX = 1024, 1 << 40  # of the spool's log
KEY_SECONDS_MAX, KEYS_MAX = 7 * 24 * 3600, 10_000_000


class NodeOptions(Options):
    """What the process needs before there is any listener."""

    descriptors = Option(
        "Server_Max_File_Descriptors",
        integer_between(64, DESCRIPTORS_WANTED_MAX),
        3_000_000,
        GLOBAL,
        "Descriptors wanted (RLIMIT_NOFILE), as far as the system grants them; sessions are capped below it.",
        dynamic=False,
    )
    pid_file = Option("PIDFile", PATH, "", GLOBAL, "File for the process id; none unless it is set.", dynamic=False)
    config_directories = Option(
        "Config_Directories",
        STRINGS,
        (),
        GLOBAL,
        "Folders of the configuration files that the console may read and write (config reload PATH, config writeback, "
        "write config FILE); the folder of the main configuration file unless it is set.",
        dynamic=False,
        ours=True,
    )
    drain_timeout = Option(
        "Drain_Timeout",
        SECONDS,
        30.0,
        GLOBAL,
        "How long a shutdown waits for mail transactions that are open and deliveries that have begun.",
        ours=True,
    )


class SpoolOptions(Options):
    """Where and how accepted mail is kept."""

    base = Option("SpoolBase", PATH, "/var/spool/ecelerity", GLOBAL, "Directory of the spool.", dynamic=False)
    import_directories = Option(
        "Spool_Import_Directories",
        STRINGS,
        (),
        GLOBAL,
        "Folders of the spools that the console may take over (spool import); that which SpoolBase is in unless it is "
        "set.",
        dynamic=False,
        ours=True,
    )
    mode = Option("Spool_Mode", MODE, 0o640, GLOBAL, "Mode of its files.", dynamic=False)
    force_fsync = Option(
        "Force_Fsync",
        BOOLEAN,
        True,
        GLOBAL,
        "Whether 250 waits until the message is synced. On unless switched off: the original's default is off.",
        dynamic=False,
    )
    large_message_octets = Option(
        "Large_Message_Threshold",
        OCTETS,
        131072,
        GLOBAL,
        "Content above it is streamed to a file of its own; smaller content goes into the log.",
        dynamic=False,
    )
    segment_octets = Option(
        "Spool_Segment_Size",
        integer_between(SEGMENT_OCTETS_MIN, SEGMENT_OCTETS_MAX, "size-bytes", "octets"),
        64 * 1024 * 1024,
        GLOBAL,
        "When a segment of the spool's log is full. The log keeps up to two of them more than twice what lives in it; "
        "content above a quarter of one gets a file of its own.",
        dynamic=False,
        ours=True,
    )
    key_seconds = Option(
        "Idempotency_Key_Time",
        integer_between(0, KEY_SECONDS_MAX, "seconds", "seconds"),
        3600,
        GLOBAL,
        "How long the idempotency key of a message is kept, from when custody of it was taken: so long it makes no "
        "second message. 0: none is taken; those that were are kept for their time.",
        dynamic=False,
        ours=True,
    )
    keys_max = Option(
        "Idempotency_Keys_Max",
        integer_between(1, KEYS_MAX, "count", "keys"),
        1_000_000,
        GLOBAL,
        "How many idempotency keys are kept at a time; further messages that have one are deferred (452). Each takes "
        "some 70 octets of memory and 150 of the spool's log.",
        dynamic=False,
        ours=True,
    )
