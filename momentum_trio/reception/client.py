"""Who hands us mail, as the checks and the records know him."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address


@dataclass(slots=True)
class Client:
    """One client's connection, whatever its protocol.

    peer_address: unmapped; a Unix peer's is 127.0.0.1, which is_unix qualifies: it gives no relay right by itself.
    peer_text: the same as text. peer, local: ``address:port`` or the path of a Unix socket, as the rejectlog has them.
    protocol: the mainlog's word (``esmtp``, ``ecstream``, ``rest``).
    hello_domain, hello_line: what the client called itself; empty before it did. extended: it said EHLO, not HELO.
    """

    connection_id: str
    peer_address: Address
    peer: str
    local: str
    is_unix: bool = False
    protocol: str = "esmtp"
    hello_domain: str = ""
    hello_line: str = ""
    extended: bool = True
    peer_text: str = field(init=False)

    def __post_init__(self) -> None:
        self.peer_text = str(self.peer_address)
