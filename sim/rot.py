"""Bit rot: one bit flips inside the content of one message that lies in a spool.

Never anywhere else: the mail that is hit is what may be lost. A marker that rots in the very last group of a log
cannot be told from a write that power cut short (docs/protocols/spool.md): that is a known limitation, no finding.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from .disk import SimStore
from .letter import content_of
from .scenario import Mail

SPOOL_FOLDERS = ("log", "content")

_MESSAGE_ID = re.compile(rb"Message-ID: <([^\r\n>]*)@sim>\r\n")


def rot(store: SimStore, draws: random.Random, mail_named: Callable[[str], Mail | None]) -> str | None:
    """Flip a bit in the body of one of the messages that *mail_named* knows; its name. None: there is none."""
    bodies = list(_bodies(store, mail_named))
    if not bodies:
        return None
    path, first, after, name = draws.choice(bodies)
    store.rot(path, range(first, after), draws)
    return name


def _bodies(store: SimStore, mail_named: Callable[[str], Mail | None]) -> Iterator[tuple[str, int, int, str]]:
    """Where in a spool's files the bodies of messages are: path, first octet, the one after the last, name."""
    for path in store.files():
        if path.split("/")[-2] not in SPOOL_FOLDERS:
            continue
        octets = store.octets(path)
        for match in _MESSAGE_ID.finditer(octets):
            name = match[1].decode("utf-8", "replace")
            if (mail := mail_named(name)) is None:
                continue
            content = content_of(mail)
            body = len(content) - content.index(b"\r\n\r\n") - 4
            first = octets.find(b"\r\n\r\n", match.end()) + 4
            if first >= 4 and first + body <= len(octets):
                yield path, first, first + body, name
