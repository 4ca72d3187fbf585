"""Who hands us mail, as the checks and the records know him."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from momentum_trio.mail.reply import Reply
from momentum_trio.net.endpoint import endpoint_text
from momentum_trio.net.netblock import Address
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.protocol.smtp import replies

ANONYMOUS = "anonymous"
"""The user whom ``Always_Allow`` makes of anybody."""

FAIL, ERROR = "fail", "error"
"""The words of ``auth_status`` (spec/listeners.md section 2.7)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client has proved to be, by AUTH. mechanism: ``CRAM-MD5``. is_proved: it is no mere Always_Allow."""

    user: str
    mechanism: str
    is_proved: bool = True


@dataclass(slots=True)
class Client:
    """One client's connection, whatever its protocol.

    peer_address: unmapped; a Unix peer's is 127.0.0.1, which is_unix qualifies: it gives no relay right by itself.
    peer_text: the same as text. peer, local: ``address:port`` or the path of a Unix socket, as the rejectlog has them.
    protocol: the mainlog's word (``esmtp``, ``ecstream``, ``rest``).
    hello_domain, hello_line: what the client called itself; empty before it did. extended: it said EHLO, not HELO.
    is_proxied: where he is was said by a trusted proxy, who is the peer in truth. is_spoken_for: that proxy speaks SMTP
    itself, so that TLS is with him. context: pairs of the connection context that a trusted client has set.
    own_right: why he may send anywhere, in words, where his protocol alone lets him; else empty. pathway: that policy
    has sent him through; None: none. is_early_talker: he spoke before he was greeted.
    unrecognized_count, bad_count: of his commands that nobody knows, that are ill-formed. received_count: of the last
    mail of his that has been through too many hosts and was taken (mail_loop); 0: there was none.
    tls: what is spoken; None in clear. identity: who it is; None: nobody knows. auth_failure: FAIL where AUTH has not
    said so, ERROR where it could not be judged; else empty.
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
    tls: TlsFacts | None = None
    identity: Identity | None = None
    auth_failure: str = ""
    is_proxied: bool = False
    is_spoken_for: bool = False
    context: Mapping[str, str] | None = None
    own_right: str = ""
    pathway: str | None = None
    is_early_talker: bool = False
    unrecognized_count: int = 0
    bad_count: int = 0
    received_count: int = 0
    peer_text: str = field(init=False)

    def __post_init__(self) -> None:
        self.peer_text = str(self.peer_address)

    def note(self, refusal: Reply) -> None:
        """A command was refused for what it is."""
        if refusal is replies.UNRECOGNIZED:
            self.unrecognized_count += 1
        elif refusal.code in (500, 501):
            self.bad_count += 1

    def claim(self, address: Address, port: int) -> None:
        """A trusted proxy says that the client is there. port: 0 where he does not."""
        self.peer_address, self.peer_text = address, str(address)
        self.peer = endpoint_text(address, port)
        self.is_unix, self.is_proxied = False, True
