"""What a ``Shared_State`` scope says: where limits are counted that all nodes share (docs/cluster.md)."""

from __future__ import annotations

import re

from momentum_trio.config.kind import SECONDS, one_of, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.protocol.cluster.holding import OnFailure

SHARED_STATE = scopes("shared_state")
FORMS = ("redis", "cluster")
EXPECTED = "redis://HOST[:PORT][/DATABASE], rediss://… or unix:///PATH, with USER:PASSWORD@ before HOST if need be"
_URI = re.compile(r"(rediss?://[^/?#\s]+(/\d+)?|unix://([^/?#\s]*@)?/[^?#\s]+)\Z")


def _uri(value: Value) -> str:
    text = word_of(value, EXPECTED)
    if text and not _URI.match(text):
        raise ValueError(f"expected {EXPECTED}")
    return text


class SharedStateOptions(Options):
    """One of them; ``redis`` comes before ``cluster``."""

    uri = Option(
        "URI",
        Kind("string", _uri, quoted),
        "",
        SHARED_STATE,
        "Where Redis is: " + EXPECTED + ".",
        dynamic=False,
        secret=True,
        ours=True,
        file_only=True,
    )
    on_failure = Option(
        "On_Failure",
        one_of(*OnFailure, ""),
        "",
        SHARED_STATE,
        "What a node grants itself while nobody can grant it anything: its share of a limit by living nodes"
        " (local_share), all of it (open), or nothing (closed). Unless it is set: local_share in Redis, and closed in"
        " the cluster, where the others go on and use its share.",
        dynamic=False,
        ours=True,
    )
    timeout = Option(
        "Timeout",
        SECONDS,
        0.05,
        SHARED_STATE,
        "How long an answer of Redis is waited for; then the connection is made anew.",
        dynamic=False,
        ours=True,
    )
    prefix = Option(
        "Key_Prefix",
        Kind("string", lambda value: word_of(value, "a word"), quoted),
        "momentum",
        SHARED_STATE,
        "With what the keys in Redis begin: nodes that share limits have the same.",
        dynamic=False,
        ours=True,
    )
