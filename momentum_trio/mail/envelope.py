"""The envelope of a mail transaction (RFC 5321 section 2.3.1): where it came from, where it goes; not what it says."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.mail.path import split

NULL_REVERSE_PATH = ""


def domain_of(path: str) -> str:
    """The domain of a canonical path; empty for the null reverse-path and for an address without one."""
    return split(path)[1]


def local_part_of(path: str) -> str:
    """What stands before the domain; the whole of an address without one."""
    return split(path)[0]


def is_literal(domain: str) -> bool:
    """Whether *domain* is an address literal, ``[192.0.2.1]`` (RFC 5321 section 4.1.3)."""
    return domain[:1] == "["


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sent it and to whom it goes.

    reverse_path: where bounces go; empty for the null reverse-path (RFC 5321 section 4.5.5).
    forward_paths: at least one once content is taken; in the order the client gave them.
    """

    reverse_path: str
    forward_paths: tuple[str, ...]
