"""From a forward-path to the directory of its Maildir, and the name of a message in it. Pure.

Local-parts and domains come from strangers: what they make of a path is one harmless component each, and two different
ones never make the same.
"""

from __future__ import annotations

import hashlib
import posixpath
import re

from momentum_trio.mail.identifier import second_of
from momentum_trio.mail.path import POSTMASTER, split

COMPONENT_OCTETS_MAX = 200
_HASH_OCTETS = 16
_SAFE = re.compile(r"(?!\.)[A-Za-z0-9._+=@-]{1,200}")
_PLACE = re.compile(r"%[%dl]")


def component(text: str) -> str:
    """*text* as one component of a path: never empty, ``.``, ``..``, hidden, longer than COMPONENT_OCTETS_MAX.

    What is not a letter, a digit or one of ``._+=@-`` becomes ``%XX``, octet by octet of its UTF-8; so does a leading
    dot. What is too long keeps its beginning and gets a hash after ``%~``. Empty is ``%``.
    """
    if _SAFE.fullmatch(text):
        return text
    octets = text.encode("utf-8", "surrogatepass")
    written = "".join(
        chr(octet) if _is_plain(octet) and (place or octet != 0x2E) else f"%{octet:02X}"
        for place, octet in enumerate(octets)
    )
    if len(written) > COMPONENT_OCTETS_MAX:
        digest = hashlib.blake2s(octets, digest_size=_HASH_OCTETS).hexdigest()
        written = f"{written[: COMPONENT_OCTETS_MAX - 2 - len(digest)]}%~{digest}"
    return written or "%"


class Mailboxes:
    """The Maildirs that a template names: ``%d`` is the domain in lower case, ``%l`` the local-part, ``%%`` a ``%``.

    base: the directory above the first component that depends on the mail; ``.`` if there is none above.
    """

    def __init__(self, template: str) -> None:
        self._template = template
        head, varies, _ = _PLACE.sub(lambda match: "%" if match[0] == "%%" else "\0", template).partition("\0")
        self.base = posixpath.normpath(posixpath.dirname(head if varies else f"{head}/") or ".")

    def path(self, forward_path: str) -> str:
        """The Maildir of *forward_path*; of one without a domain (``postmaster``) the domain counts as empty.

        Local-parts that differ in case are different mailboxes, but for postmaster's (RFC 5321 section 4.5.1).
        """
        local_part, domain = split(forward_path)
        if local_part.lower() == POSTMASTER:
            local_part = POSTMASTER
        parts = {"%d": component(domain.lower()), "%l": component(local_part), "%%": "%"}
        return posixpath.normpath(_PLACE.sub(lambda match: parts[match[0]], self._template))


def unique_name(message_id: str, origin: str, host: str) -> str:
    """The name of a message in any Maildir, ``1700000000.P481Q1R9f86d081.mx.example``.

    It is made from the message id alone, so that a delivery repeated after a crash replaces the first rather than
    standing beside it. *origin* tells apart the spools of one host, since ids are unique within a spool only. *host* is
    a component already.
    """
    counter, incarnation, _ = message_id.split("-")
    count = int(counter.replace("/", "")[::-1], 16)
    return f"{second_of(message_id)}.P{int(incarnation)}Q{count}R{origin}.{host}"


def origin_of(host: str, place: str) -> str:
    """A short mark for the spool at *place* on *host*."""
    return hashlib.blake2s(f"{host}\0{place}".encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _is_plain(octet: int) -> bool:
    return 0x30 <= octet <= 0x39 or 0x41 <= octet <= 0x5A or 0x61 <= octet <= 0x7A or octet in b"._+=@-"
