"""A client of an SMTP listener that speaks TLS, and certificates in names of a test's choice."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from esmtp_host import Host, Talk, host, machine_with

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.events import Events
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.machine.os_entropy import OsEntropy
from momentum_trio.machine.os_tls import OsTls, make_client_context
from momentum_trio.machine.os_work import OsWork
from sim.certificates import AUTHORITY, CLIENT, CLIENT_KEY, HERE, SERVER, SERVER_KEY

CERTIFICATE = f'TLS_Certificate = "{HERE / SERVER}" TLS_Key = "{HERE / SERVER_KEY}"'
OF_CLIENTS = f'TLS_Client_CA = "{HERE / AUTHORITY}"'
SHOWS = ClientTlsTerms(certificate=str(HERE / CLIENT), key=str(HERE / CLIENT_KEY))
CONFIG = """
Hostname = "mx.example"
Relay_Domains = ( "d.example" )
ESMTP_Listener {{ {listener} Listen "127.0.0.1:2525" {{ SMTP_Extensions = ( {extensions} ) {listen} }} }}
"""


def config(listen: str = CERTIFICATE, *extensions: str, listener: str = "") -> str:
    """A configuration with *listen* in its Listen, which offers STARTTLS and *extensions*."""
    offered = " ".join(f'"{word}"' for word in ("STARTTLS", *extensions))
    return CONFIG.format(listen=listen, listener=listener, extensions=offered)


def machine() -> Machine:
    """One that has TLS, a disk, randomness and workers."""
    return replace(machine_with(Events()), disk=OsDisk(), entropy=OsEntropy(), work=OsWork(), tls=OsTls())


class TlsTalk(Talk):
    """A client that may begin TLS. context: one that takes every certificate, unless another is given."""

    stream: Any
    context: Any = None

    async def shake(self, name: str | None = None, terms: ClientTlsTerms | None = None) -> None:
        """The handshake. name: whom he asks for."""
        self.context = self.context or make_client_context(terms or ClientTlsTerms())
        self.stream = trio.SSLStream(self.stream, self.context, server_hostname=name, https_compatible=True)
        await self.stream.do_handshake()

    async def begin(self, name: str | None = None, terms: ClientTlsTerms | None = None) -> str:
        """EHLO, STARTTLS, the handshake; the reply to a second EHLO."""
        await self.ask("EHLO client.example")
        assert await self.ask("STARTTLS") == "220 2.0.0 ready to start TLS"
        await self.shake(name, terms)
        return await self.ask("EHLO client.example")


@asynccontextmanager
async def talks(at: Host, *, greeting: bool = True) -> AsyncIterator[TlsTalk]:
    """A client connected to *at*, greeted."""
    stream = await trio.open_tcp_stream("127.0.0.1", at.port)
    try:
        talk = TlsTalk(stream)
        if greeting:
            assert (await talk.reply())[:4] == "220 "
        yield talk
    finally:
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def conversation(text: str = "", **how: Any) -> AsyncIterator[tuple[Host, TlsTalk]]:
    """A host that can do TLS, and one client."""
    async with host(text or config(), machine=machine(), **how) as at, talks(at) as talk:
        yield at, talk


def self_signed(file: Path, *names: str, key_of: str = "") -> str:
    """Write a certificate in *names* and its key to *file*; where it is. key_of: or another key than its own."""
    now = dt.datetime.now(dt.UTC)
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(9))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    written = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    written += (other if key_of else key).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(written)
    return str(file)
