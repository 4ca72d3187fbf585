"""Content for transports that take 7-bit lines alone (RFC 6152 section 3): the conversion, not built yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unconvertible:
    """Content that cannot be sent as 7-bit lines. why: the end of a sentence that begins with *it*."""

    why: str


def seven_bit(octets: bytes) -> bytes | Unconvertible:
    """*octets*, whole content, converted."""
    return Unconvertible("conversion is not built yet")


def stripped(octets: bytes) -> bytes | Unconvertible:
    """*octets*, whole content, with the high bit of each octet taken away."""
    return Unconvertible("conversion is not built yet")
