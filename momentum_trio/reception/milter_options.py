"""What a ``milter "name"`` scope says of its milter."""

from __future__ import annotations

from momentum_trio.config.kind import integer_between, one_of, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.net.endpoint import Endpoint

MILTER = scopes("milter")
SECONDS_MAX = 300


def _address(value: Value) -> Endpoint | None:
    text = word_of(value, "ADDRESS:PORT, [IPV6]:PORT or the path of a Unix socket")
    if not text:
        return None
    address = Endpoint.parse(text)
    if address.is_wildcard or not (address.port or address.path):
        raise ValueError(f"expected the one place where the milter listens, not '{text}'")
    return address


ADDRESS: Kind[Endpoint | None] = Kind("string", _address, lambda held: quoted("" if held is None else str(held)))


class MilterOptions(Options):
    """One milter that is asked about every SMTP session (docs/milter.md)."""

    address = Option(
        "address",
        ADDRESS,
        None,
        MILTER,
        "Where it listens: ADDRESS:PORT, [IPV6]:PORT, or the path of a Unix socket.",
        ours=True,
    )
    connect_timeout = Option(
        "connect_timeout",
        integer_between(1, SECONDS_MAX, "time-seconds", "seconds"),
        30,
        MILTER,
        "Seconds for a connection to it, and for what is agreed then.",
        ours=True,
    )
    command_timeout = Option(
        "command_timeout",
        integer_between(1, SECONDS_MAX, "time-seconds", "seconds"),
        30,
        MILTER,
        "Seconds for each of its answers up to the content.",
        ours=True,
    )
    content_timeout = Option(
        "content_timeout",
        integer_between(1, SECONDS_MAX, "time-seconds", "seconds"),
        240,
        MILTER,
        "Seconds for each of its answers from the content on; a sign of progress begins them anew.",
        ours=True,
    )
    default_action = Option(
        "default_action",
        one_of("tempfail", "accept", "reject"),
        "tempfail",
        MILTER,
        "What becomes of mail while it is away, or breaks the protocol.",
        ours=True,
    )
