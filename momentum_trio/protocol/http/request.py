"""A request as it is answered: its head as a value (RFC 9110, RFC 9112)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
"""Those that change nothing (RFC 9110 section 9.2.1)."""


class Request(msgspec.Struct, frozen=True):
    """The head of a request.

    method: as sent, upper case. target: as sent, in origin-form. path: of it, decoded once, from its first slash on;
    no segment of it is ``.`` or ``..``, and no slash in it was encoded. query: the decoded pairs behind ``?``, in their
    order. fields: the header fields by lower-case name; the values of one said several times are joined by ``, ``.
    version: ``1.1`` or ``1.0``. body_octets: as declared; None where the body is chunked.
    """

    method: str
    target: str
    path: str
    query: tuple[tuple[str, str], ...]
    fields: Mapping[str, str]
    version: str = "1.1"
    body_octets: int | None = 0

    def field(self, name: str, default: str = "") -> str:
        """The value of the header field *name*, lower case."""
        return self.fields.get(name, default)

    def queried(self, name: str, default: str = "") -> str:
        """The first value of *name* in the query."""
        return next((value for key, value in self.query if key == name), default)

    @property
    def is_safe(self) -> bool:
        """Whether it asks for no change of anything."""
        return self.method in SAFE_METHODS

    @property
    def has_body(self) -> bool:
        """Whether octets follow its head."""
        return self.body_octets != 0

    @property
    def media_type(self) -> str:
        """``application/json``: of Content-Type, in lower case and without parameters."""
        return self.field("content-type").partition(";")[0].strip().lower()
