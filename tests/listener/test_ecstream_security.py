"""Who is let in by an ECStream listener: this host, who may send anywhere, who proves who he is; and TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from ecstream_talk import BASIC, CONTENT, Talk, listening, message, talk_to
from tls_talk import CERTIFICATE, OF_CLIENTS, SHOWS, machine
from trio.testing import MockClock

from momentum_trio.listener.smtp_authentication import PAUSE_SECONDS
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_tls import make_client_context
from momentum_trio.mail.record import Authenticated as Recorded
from momentum_trio.protocol.ecstream.frame import Authenticated, Challenge, Code, Unproved
from momentum_trio.protocol.sasl.client import client_side
from momentum_trio.protocol.sasl.digest_md5 import digest_of

FAR = "192.0.2.7"
SECRET = "correct horse"


def with_listen(inside: str) -> str:
    return BASIC.replace("{}", f"{{ {inside} }}")


LET_IN: list[tuple[str, str, bool]] = [
    ("", "127.0.0.1", True),
    ("", FAR, False),
    (f'Peer "{FAR}" {{ Open_Relay = true }}', FAR, True),
    ("Open_Relay = true", FAR, True),
    (f"Relay_Hosts = ( {FAR} )", FAR, True),
    ("Relay_Hosts = ( 192.0.2.8 )", FAR, False),
    ("Enable_Authentication = true", "127.0.0.1", False),
    ('Enable_Authentication = true Relay_Hosts = ( "127.0.0.1" )', "127.0.0.1", True),
]


@pytest.mark.parametrize(("inside", "address", "is_let_in"), LET_IN)
async def test_who_is_let_in_may_send_anywhere_and_nobody_else_is(inside: str, address: str, is_let_in: bool) -> None:
    async with listening(with_listen(inside), connected_as=address) as at, talk_to(at) as talk:
        if is_let_in:
            await talk.welcome()
            assert (await talk.ask(message("eve@elsewhere.example")))[0].id
            return
        error = await talk.error()
        assert (error.code, error.unbegun) == (Code.NOT_ALLOWED, 1)
        await at.over()
        assert [(record.code, record.module) for record in at.rejected] == [(550, "ecstream")]


# TLS


async def secured(talk: Talk, terms: ClientTlsTerms | None = None) -> Talk:
    """*talk* within TLS."""
    context = make_client_context(terms or ClientTlsTerms())
    stream = trio.SSLStream(talk.stream, context, https_compatible=True)
    await stream.do_handshake()
    return Talk(stream)


async def test_within_tls_all_is_the_same() -> None:
    text = with_listen(f"Use_SSL = true {CERTIFICATE}")
    async with listening(text, machine=machine()) as at, talk_to(at) as clear:
        talk = await secured(clear)
        await talk.welcome()
        large = b"Subject: x\r\n\r\n" + b"y" * 300_000
        results = await talk.ask(message(), message(content=1), contents=(CONTENT, large))
        assert all(result.id for result in results)
        kept = at.spool.kept[1][1]
        assert kept.endswith(large)
        assert b"with ECSTREAM (cipher=TLS_" in kept
        assert at.connections[0].tls is not None


async def test_a_certificate_lets_in() -> None:
    text = with_listen(f"Use_SSL = true {CERTIFICATE} {OF_CLIENTS} TLS_Verified_Peer_Can_Relay = true")
    async with listening(text, machine=machine(), connected_as=FAR) as at:
        async with talk_to(at) as clear:
            talk = await secured(clear, SHOWS)
            await talk.welcome()
            assert (await talk.ask())[0].id
        async with talk_to(at) as clear:
            assert (await (await secured(clear)).error()).code == Code.NOT_ALLOWED


async def test_who_speaks_in_clear_where_tls_is_spoken_is_told_nothing_in_clear() -> None:
    text = with_listen(f"Use_SSL = true {CERTIFICATE}")
    async with listening(text, machine=machine()) as at, talk_to(at) as talk:
        await talk.send()
        heard = b""
        with trio.fail_after(5):
            try:
                while octets := await talk.stream.receive_some(1000):
                    heard += octets
            except trio.BrokenResourceError:
                pass
        assert heard[:1] in (b"", b"\x15"), "an alert of TLS at most"
        await at.over()
        assert at.connections[0].why == "tls"
        assert [record.module for record in at.rejected] == ["tls"]


# authentication


def with_secrets(folder: Path, more: str = "") -> str:
    (folder / "file").write_text(f"ann:{SECRET}\n")
    uri = f'[ uri = "file://{folder}/file" log_authentication = "true" ]'
    return with_listen(f"AuthPlainParameters = {uri} AuthCramMD5Parameters = {uri} {more}")


async def prove(talk: Talk, mechanism: str, password: str = SECRET) -> Authenticated | Unproved:
    """A whole dialogue."""
    side = None if mechanism == "PLAIN" else client_side(mechanism, "ann", password, "smtp/mx.example", "a-nonce")
    talk.core.authenticate(mechanism.encode(), b"" if side else f"\0ann\0{password}".encode())
    while True:
        event = await talk.event()
        if isinstance(event, Authenticated | Unproved):
            return event
        assert isinstance(event, Challenge)
        assert side is not None
        talk.core.authenticate(b"", side.answer(event.challenge))


async def test_who_proves_who_he_is_may_send_and_not_before(tmp_path: Path) -> None:
    text = with_secrets(tmp_path)
    async with listening(text, machine=machine(), connected_as=FAR) as at:
        async with talk_to(at) as talk:
            welcome = await talk.welcome()
            assert welcome.mechanisms == (b"CRAM-MD5",), "a password does not go over a network in clear"
            assert await prove(talk, "CRAM-MD5") == Authenticated(b"ann")
            assert (await talk.ask(message("eve@elsewhere.example")))[0].id
            (recorded,) = [record for record in at.records if isinstance(record, Recorded)]
            assert (recorded.user, recorded.accepted) == ("ann", True)
        async with talk_to(at) as talk:
            await talk.welcome()
            await talk.batch()
            assert (await talk.error()).code == Code.NOT_ALLOWED
        assert len(at.spool.kept) == 1


async def test_all_mechanisms_are_offered_within_tls(tmp_path: Path) -> None:
    digest = f'[ uri = "digest://{tmp_path}/digest" ]'
    (tmp_path / "digest").write_text(f"ann:mx.example:{digest_of('ann', 'mx.example', SECRET)}\n")
    inside = f"Use_SSL = true {CERTIFICATE} AuthDigestMD5Parameters = {digest}"
    async with listening(with_secrets(tmp_path, inside), machine=machine(), connected_as=FAR) as at:
        for mechanism in ("PLAIN", "CRAM-MD5", "DIGEST-MD5"):
            async with talk_to(at) as clear:
                talk = await secured(clear)
                assert mechanism.encode() in (await talk.welcome()).mechanisms
                assert await prove(talk, mechanism) == Authenticated(b"ann")
                assert (await talk.ask())[0].id


async def test_who_guesses_waits_and_after_three_times_is_done(tmp_path: Path, mock_clock: MockClock) -> None:
    mock_clock.autojump_threshold = 0.02  # a grace for the kernel to carry loopback octets
    async with listening(with_secrets(tmp_path), machine=machine(), connected_as=FAR) as at, talk_to(at) as talk:
        talk.patience_seconds = 100 * PAUSE_SECONDS
        await talk.welcome()
        began = trio.current_time()
        for _ in range(2):
            assert await prove(talk, "CRAM-MD5", "wrong") == Unproved(b"535 5.7.8 authentication credentials invalid")
        talk.core.authenticate(b"CRAM-MD5", b"")
        await talk.event()
        talk.core.authenticate(b"", b"ann 00")
        error = await talk.error()
        assert (error.code, error.why) == (Code.NOT_ALLOWED, b"421 4.7.0 too many authentication attempts")
        assert trio.current_time() - began >= 3 * PAUSE_SECONDS
        assert [record.code for record in at.rejected] == [535, 535, 535]


async def test_a_changed_back_end_asks_him_to_come_again(tmp_path: Path) -> None:
    text = with_secrets(tmp_path)
    async with listening(text, machine=machine(), connected_as=FAR) as at, talk_to(at) as talk:
        await talk.welcome()
        await prove(talk, "CRAM-MD5")
        at.configure(text.replace("/file", "/another"))
        assert (await talk.ask())[0].reply.code == 421
        assert (await talk.error()).code == Code.CLOSING


async def test_whom_everybody_is_taken_for_may_not_send(tmp_path: Path) -> None:
    text = with_secrets(tmp_path, "Always_Allow = true")
    async with listening(text, machine=machine(), connected_as=FAR) as at, talk_to(at) as talk:
        await talk.welcome()
        assert await prove(talk, "CRAM-MD5", "wrong") == Unproved(b"550 5.7.1 this client is not let in")
