"""What policy sees of a session, a mail transaction and its content: frozen records, made for one question each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from momentum_trio.mail.header import HEADER_OCTETS_MAX
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.reception.policy.evidence import NO_FINDINGS, Evidence, Findings
from momentum_trio.reception.policy.kept import Kept

if TYPE_CHECKING:
    from momentum_trio.reception.policy.draft import Draft


@dataclass(frozen=True, slots=True)
class Session:
    """A client's session.

    peer_address: of a Unix peer 127.0.0.1, which is_unix qualifies. peer, local: ``address:port``, or the path of a
    Unix socket. hello: what he called himself, empty before he did; extended: by EHLO. tls: None in clear.
    hostname: ours. user: who he has proved to be by SMTP AUTH, and by which mechanism; empty: nobody knows.
    may_relay: he may send anywhere. pathway: of his options. variables: the connection context as the records show it.
    """

    connection_id: str
    peer_address: IPv4Address | IPv6Address
    peer: str
    local: str
    is_unix: bool
    protocol: str
    hostname: str
    hello: str
    extended: bool
    tls: TlsFacts | None
    user: str
    mechanism: str
    may_relay: bool
    pathway: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail transaction. reverse_path: empty for the null one. forward_paths: those taken so far, the one in question
    included. body, smtputf8: as MAIL declared them. variables: the message context. findings: of SPF, DKIM and DMARC.
    """

    reverse_path: str
    forward_paths: tuple[str, ...]
    body: str
    smtputf8: bool
    variables: Mapping[str, str]
    findings: Findings = NO_FINDINGS


@dataclass(frozen=True, slots=True)
class Content:
    """What DATA brought. octets: of all of it, our fields included; in ``data`` of the header section alone."""

    octets: int
    _header_section: bytes = field(repr=False)

    async def header_section(self, octets_max: int = HEADER_OCTETS_MAX) -> bytes:
        """The first *octets_max* octets of the header section as it came, lines ended by CRLF. No checkpoint."""
        return self._header_section[: max(octets_max, 0)]


@dataclass(frozen=True, slots=True)
class Asked:
    """All that is known in a phase; what is not yet is None, or empty.

    For rows of ours alone: evidence, where they add to it; kept, what each keeps for the connection; draft, the message
    as it would be kept.
    """

    session: Session
    mail: Mail | None = None
    content: Content | None = None
    recipient: str = ""
    evidence: Evidence = field(default_factory=Evidence)
    kept: Kept | None = None
    draft: Draft | None = None
