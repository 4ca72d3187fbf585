"""What TLS on a connection came to, as records and trace fields say it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """One handshake, from the server's side.

    protocol: ``TLSv1.3``. cipher: its name as OpenSSL has it; bits: of its key. is_verified: the client has shown a
    certificate of an issuer we were told to trust; only then subject and issuer, each as ``/commonName=x`` and by its
    common name alone, are not empty.
    """

    protocol: str
    cipher: str
    bits: int
    is_verified: bool = False
    subject: str = ""
    subject_cn: str = ""
    issuer: str = ""
    issuer_cn: str = ""
