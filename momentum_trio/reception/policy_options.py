"""What a ``policy "name"`` scope says of its module."""

from __future__ import annotations

from momentum_trio.config.kind import DICTIONARY, PATH, integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes

POLICY = scopes("policy")
CALL_SECONDS, CALL_SECONDS_MAX = 20, 300


class PolicyOptions(Options):
    """One module of a user's, asked in the manual's policy phases (docs/policy.md)."""

    module = Option(
        "module",
        PATH,
        "",
        POLICY,
        "The Python file; set in the configuration's files alone. Nobody else may be able to write it.",
        ours=True,
        file_only=True,
    )
    timeout = Option(
        "timeout",
        integer_between(1, CALL_SECONDS_MAX, "time-seconds", "seconds"),
        CALL_SECONDS,
        POLICY,
        "Seconds that one call of it may take; then it is given up, and the client answered 451.",
        ours=True,
    )
    arguments = Option(
        "arguments",
        DICTIONARY,
        (),
        POLICY,
        "What its function configure is given, as a dictionary of texts.",
        ours=True,
    )
