"""Files of secrets: ``user:password`` lines, and htdigest's ``user:realm:digest`` (spec/console.md section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from momentum_trio.protocol.sasl.digest_md5 import digest_of

_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")


def passwords(text: str) -> dict[str, str]:
    """The passwords by user; of a user who stands there twice the first holds. A password may hold a ``:``."""
    found: dict[str, str] = {}
    for user, password in _fields(text, 2):
        if user and password:
            found.setdefault(user, password)
    return found


def digests(text: str, realm: str, *, stored_cleartext: bool = False) -> dict[str, str]:
    """The digests of *realm* by user, in lower case; the first of a user holds, and lines that are none are nobody's.

    stored_cleartext: the third field is the password.
    """
    found: dict[str, str] = {}
    for user, of_realm, secret in _fields(text, 3):
        if not user or of_realm != realm or not secret:
            continue
        if stored_cleartext:
            found.setdefault(user, digest_of(user, realm, secret))
        elif _DIGEST.fullmatch(secret):
            found.setdefault(user, secret.lower())
    return found


def _fields(text: str, count: int) -> Iterator[list[str]]:
    """The fields of every line that has *count*; comments begin with ``#``."""
    for line in text.split("\n"):
        fields = line.removesuffix("\r").split(":", count - 1)
        if len(fields) == count and not line.startswith("#"):
            yield fields
