"""What the built-in rows have found out about one mail transaction, and what stands of it in front of the message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from momentum_trio.mail.authentication_results import NAME, Method, claims, results_field
from momentum_trio.protocol.dkim.finding import DkimFinding
from momentum_trio.protocol.dkim.signature import header_fields
from momentum_trio.protocol.dmarc.evaluation import DmarcFinding
from momentum_trio.protocol.spf.evaluation import SpfFinding

if TYPE_CHECKING:
    from momentum_trio.protocol.dkim.verification import Verification  # it needs cryptography, and few see it


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known. None: it was not checked, or not yet. dkim: of each signature; none: there is none."""

    spf: SpfFinding | None = None
    dkim: tuple[DkimFinding, ...] | None = None
    dmarc: DmarcFinding | None = None


NO_FINDINGS = Findings()


@dataclass(slots=True)
class Evidence:
    """One transaction's. Rows add to it as they are asked.

    verification: of the signatures, while the body comes. authserv_id: whose results they are; empty: none are told.
    removes: fields by that name that came with the message are taken out. methods: what is told.
    received_spf: that field, whole.
    """

    findings: Findings = NO_FINDINGS
    verification: Verification | None = None
    authserv_id: str = ""
    removes: bool = False
    methods: list[Method] = field(default_factory=list)
    received_spf: str = ""

    def body(self, octets: bytes) -> None:
        """The next part of the body has come."""
        if self.verification is not None:
            self.verification.body(octets)

    def without_ours(self, section: bytes) -> bytes:
        """A header *section* without the fields by our name that somebody else has put there (RFC 8601 section 5)."""
        if not self.removes:
            return section
        fields = header_fields(section)
        kept = [field for name, field in fields if not (name == NAME and claims(field, self.authserv_id))]
        behind = sum(len(field) for _, field in fields)  # a last line without its end
        return b"".join(kept) + section[behind:]

    @property
    def front(self) -> bytes:
        """The fields that are put in front of everything, when all is known."""
        fields = self.received_spf
        if self.authserv_id and self.methods:
            fields += results_field(self.authserv_id, self.methods)
        return fields.encode("ascii", "replace")
