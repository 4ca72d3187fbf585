"""What TLS with clients is made from, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsTerms:
    """What a TLS context is made from: paths of PEM files and the words of the TLS_* options.

    key: empty where *certificate* holds it. named: files of a certificate and its key each, shown to clients that ask
    for one of the names in them (SNI, RFC 6066 section 3); who asks for another, or for none, is shown *certificate*.
    """

    certificate: str
    key: str
    client_ca: str = ""
    ciphers: str = "DEFAULT"
    protocols: str = "+ALL"
    verify: str = ""
    named: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The paths that a context of these terms is read from, each once."""
        return tuple(dict.fromkeys(path for path in (self.certificate, self.key, self.client_ca, *self.named) if path))
