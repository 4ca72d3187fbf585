"""TLS contexts: the one importer of ``ssl.SSLContext``."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import trio
from cryptography import x509

from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.net.certificate_name import matches
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.net.tls_terms import TlsTerms

PROTOCOLS = {
    "TLSV1.0": ssl.OP_NO_TLSv1,
    "TLSV1.1": ssl.OP_NO_TLSv1_1,
    "TLSV1.2": ssl.OP_NO_TLSv1_2,
    "TLSV1.3": ssl.OP_NO_TLSv1_3,
}
VERSIONS = (
    (ssl.TLSVersion.TLSv1, ssl.OP_NO_TLSv1),
    (ssl.TLSVersion.TLSv1_1, ssl.OP_NO_TLSv1_1),
    (ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TLSv1_2),
    (ssl.TLSVersion.TLSv1_3, ssl.OP_NO_TLSv1_3),
)
UNEXPECTED_END = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", ssl.Options(0))  # OpenSSL 3
NEVER = frozenset(("SSLV2", "SSLV3"))  # named in old files; no library of today speaks them
VERIFY = {"": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE, "require": ssl.CERT_REQUIRED}


class OsTls:
    """``machine.contract.Tls``. The files are read in a worker thread."""

    __slots__ = ()

    async def server_context(self, terms: TlsTerms) -> ssl.SSLContext:
        """A context for the server's side.

        Raises: OSError or ssl.SSLError when the files do not serve, ValueError for a word TLS_* options do not have.
        """
        return await trio.to_thread.run_sync(partial(make_context, terms))

    async def client_context(self, terms: ClientTlsTerms) -> ssl.SSLContext:
        """A context for the client's side. Raises as ``server_context`` does."""
        return await trio.to_thread.run_sync(partial(make_client_context, terms))


def make_context(terms: TlsTerms) -> ssl.SSLContext:
    """The context of *terms*, reading its files here and now."""
    context = _server_context(terms)
    if terms.named:
        named = [(names_of(path), _server_context(replace(terms, certificate=path, key=""))) for path in terms.named]
        context.sni_callback = partial(_show_named, named)
    return context


def _server_context(terms: TlsTerms) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION  # a client's work is small where ours is large
    _speak(context, terms)
    if terms.verify.lower() not in VERIFY:
        raise ValueError(f"TLS_Verify_Mode: expected none or require, not '{terms.verify}'")
    if terms.client_ca:
        context.load_verify_locations(terms.client_ca)
        context.verify_mode = VERIFY[terms.verify.lower()]
    return context


def _show_named(
    named: Sequence[tuple[Sequence[str], ssl.SSLContext]],
    handshake: ssl.SSLSocket | ssl.SSLObject,
    name: str | None,
    context: ssl.SSLContext,
) -> None:
    """Let the certificate be shown that is in *name*, the first of them; without one that of *context* is."""
    if name is not None:
        found = (other for names, other in named if any(matches(presented, name) for presented in names))
        handshake.context = next(found, context)


def names_of(path: str) -> tuple[str, ...]:
    """The DNS names of the first certificate in the PEM file *path*. Raises OSError; ValueError where it has none."""
    with open(path, "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError(f"{path}: the certificate is in no DNS name, so that nobody can ask for it") from None
    return tuple(names.get_values_for_type(x509.DNSName))


def facts_of(tls: ssl.SSLObject) -> TlsFacts:
    """What the handshake of *tls* came to."""
    name, protocol, bits = tls.cipher() or ("", "", 0)
    shown: dict[str, Any] = tls.getpeercert() or {}
    names = [_distinguished(shown.get(whose, ())) for whose in ("subject", "issuer")]
    (subject, subject_cn), (issuer, issuer_cn) = names
    return TlsFacts(tls.version() or protocol, name, bits, bool(shown), subject, subject_cn, issuer, issuer_cn)


def _distinguished(name: Sequence[Sequence[tuple[str, str]]]) -> tuple[str, str]:
    """A name as ``/countryName=XX/commonName=x``, and its common name."""
    parts = [pair for part in name for pair in part]
    return "".join(f"/{kind}={value}" for kind, value in parts), dict(parts).get("commonName", "")


def make_client_context(terms: ClientTlsTerms) -> ssl.SSLContext:
    """The context of *terms* for a client, reading its files here and now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # a server of mail has several names that do: delivery/tls.py judges them
    context.verify_mode = ssl.CERT_REQUIRED if terms.verify else ssl.CERT_NONE
    if terms.verify and terms.authorities:
        context.load_verify_locations(terms.authorities)
    elif terms.verify:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    _speak(context, terms)
    return context


def _speak(context: ssl.SSLContext, terms: TlsTerms | ClientTlsTerms) -> None:
    """What both sides have: their certificate, ciphers and protocols."""
    if terms.certificate:
        context.load_cert_chain(terms.certificate, terms.key or None, password=str)  # else OpenSSL would ask a tty
    if terms.ciphers and terms.ciphers != "DEFAULT":
        context.set_ciphers(terms.ciphers)
    context.options &= ~UNEXPECTED_END  # older Pythons set it: an end without close_notify would be as good as one with
    permit(context, excluded(terms.protocols))


def peer_chain(tls: ssl.SSLObject) -> Sequence[bytes]:
    """The certificates that the other side showed, in DER and in its order; nobody has judged them."""
    if hasattr(tls, "get_unverified_chain"):  # since Python 3.13
        return list(tls.get_unverified_chain())
    return [certificate.public_bytes(ENCODING_DER) for certificate in tls._sslobj.get_unverified_chain() or ()]  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class HandshakeFault:
    """Why a handshake failed. untrusted: the certificate is of no issuer we trust, or does not count now."""

    text: str
    untrusted: bool = False

    @classmethod
    def of(cls, broken: OSError) -> HandshakeFault:
        """What *broken*, raised by the handshake, is about; without text where the connection just ended."""
        if isinstance(broken, ssl.SSLCertVerificationError):
            return cls(broken.verify_message, untrusted=True)
        return cls((broken.reason or "") if isinstance(broken, ssl.SSLError) else "")


ENCODING_DER = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]


def permit(context: ssl.SSLContext, without: ssl.Options) -> None:
    """Speak no protocol of *without*: by the least and the greatest version where that is enough, else by options."""
    spoken = [version for version, option in VERSIONS if not without & option]
    versions = [version for version, _ in VERSIONS]
    if not spoken or versions[versions.index(spoken[0]) :][: len(spoken)] != spoken:
        context.options |= without  # which Python deprecates
        return
    if spoken[0] != versions[0]:
        context.minimum_version = spoken[0]
    if spoken[-1] != versions[-1]:
        context.maximum_version = spoken[-1]


def excluded(protocols: str) -> ssl.Options:
    """The OP_NO_ options of TLS_Protocols: ``+ALL``, ``+ALL:-TLSv1:-TLSv1.1`` (blank, comma or colon between words)."""
    allowed: set[str] = set()
    for word in protocols.replace(":", " ").replace(",", " ").split():
        sign, name = (word[0], word[1:]) if word[0] in "+-" else ("+", word)
        name = name.upper()
        if name in NEVER:
            continue
        named = set(PROTOCOLS) if name == "ALL" else {"TLSV1.0" if name == "TLSV1" else name}
        if not named <= set(PROTOCOLS):
            raise ValueError(f"TLS_Protocols: no such protocol: {name}")
        allowed = allowed | named if sign == "+" else allowed - named
    options = ssl.Options(0)
    for name, option in PROTOCOLS.items():
        if name not in allowed:
            options |= option
    return options
