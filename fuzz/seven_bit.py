"""Content that is converted is 7-bit lines, means what it meant, and is left as it is the second time."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from itertools import zip_longest

from hypothesis import strategies as st

from momentum_trio.mail.mime.seven_bit import Unconvertible, seven_bit, stripped
from momentum_trio.mail.mime.strategies import messages


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: trees of parts, now and then anything at all."""
    return messages | st.binary(max_size=200)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant. Header lines are as long as they were."""
    plain = stripped(octets)
    assert isinstance(plain, Unconvertible) or plain.isascii()
    made = seven_bit(octets)
    if isinstance(made, Unconvertible) or made == octets:
        return
    assert made.isascii()
    assert made.count(b"\r") == made.count(b"\n") == made.count(b"\r\n")
    assert seven_bit(made) == made
    if not octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n"):
        return  # to Python's parser these are line ends, and may make delimiters that are none
    for before, after in zip_longest(_types(octets), _types(made)):
        assert before == after


def _types(octets: bytes) -> list[str]:
    return [part.get_content_type() for part in message_from_bytes(octets).walk() if isinstance(part, Message)]
