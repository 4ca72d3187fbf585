"""STARTTLS and Use_SSL of the ESMTP listener, over real sockets (RFC 3207; spec/listeners.md section 2.6)."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
import trio
from esmtp_host import MESSAGE, host
from tls_talk import CERTIFICATE, OF_CLIENTS, SHOWS, TlsTalk, config, conversation, machine, self_signed, talks
from trio.testing import MockClock

from momentum_trio.listener.handshake import HANDSHAKE_SECONDS
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_tls import make_client_context, peer_chain
from momentum_trio.machine.stamps import LOOK_SECONDS
from momentum_trio.mail.record import Panic

IMPLICIT = f"Use_SSL = true {CERTIFICATE}"
ELSEWHERE = "RCPT TO:<eve@elsewhere.example>"


async def ended(talk: TlsTalk) -> bool:
    """Whether nothing comes any more."""
    try:
        return await talk.line() == ""
    except trio.BrokenResourceError:
        return True


def der_of(file: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(file).read_text().partition("-----BEGIN PRIVATE")[0])


def said(talk: TlsTalk) -> bytes:
    """The certificate shown."""
    return peer_chain(talk.stream._ssl_object)[0]


async def test_mail_within_tls_is_traced_as_such() -> None:
    async with conversation() as (at, talk):
        assert "250 STARTTLS" in await talk.ask("EHLO client.example")
        offered = await talk.begin()
        assert "STARTTLS" not in offered
        assert (await talk.message())[:3] == "250"
        ((_, content),) = at.spool.kept
        cipher = talk.stream.cipher()[0]
        assert f"with ESMTPS (cipher={cipher})\r\n".encode() in content
        assert content.endswith(MESSAGE)
        assert at.connections[0].tls is not None


async def test_what_was_said_in_clear_is_forgotten() -> None:
    text = config(f"{CERTIFICATE} Require_EHLO = true")
    async with conversation(text) as (at, talk):
        await talk.ask("EHLO liar.example")
        await talk.ask("STARTTLS")
        await talk.shake()
        assert (await talk.ask("MAIL FROM:<a@b.example>"))[:3] == "550"
        assert await talk.ask("STARTTLS") == "503 5.5.1 TLS is active"
        assert ("ehlo_domain", "liar.example") not in at.rejected[-1].connection_context
        assert ("tls", "on") in at.rejected[-1].connection_context


@pytest.mark.parametrize(("policy", "replies"), [("reject", ["501"]), ("ignore", ["220"]), ("allow", ["220"])])
async def test_commands_sent_together_with_starttls_are_never_taken_for_protected_ones(
    policy: str, replies: list[str]
) -> None:
    """CVE-2011-0411."""
    text = config(f"{CERTIFICATE} Starttls_Injection_Policy = {policy}")
    async with conversation(text) as (at, talk):
        await talk.ask("EHLO client.example")
        assert [(await talk.ask("STARTTLS\r\nMAIL FROM:<evil@b.example>"))[:3]] == replies
        if policy == "reject":
            assert await talk.line() == ""
            assert (at.rejected[-1].code, at.rejected[-1].module) == (501, "smtp")
            return
        await talk.shake()
        await talk.ask("EHLO client.example")
        assert (await talk.ask("RCPT TO:<c@d.example>"))[:3] == "503"


async def test_octets_in_clear_behind_the_220_end_the_connection() -> None:
    """The 2021 NO STARTTLS set: nothing is read in clear once TLS was agreed on."""
    async with conversation() as (at, talk):
        ended = at.ended
        await talk.ask("EHLO client.example")
        await talk.ask("STARTTLS")
        await talk.say("MAIL FROM:<evil@b.example>")
        await talk.say("x" * 100)
        assert await talk.line() == ""
        await ended.wait()
        assert at.connections[0].why == "tls"
        assert at.rejected[-1].text.startswith("4.7.0 TLS negotiation failed")


async def test_without_a_certificate_starttls_is_not_offered_and_not_known() -> None:
    for listen, listener in (("", ""), ('TLS_Certificate = "none"', CERTIFICATE)):
        async with conversation(config(listen, listener=listener)) as (_, talk):
            assert "STARTTLS" not in await talk.ask("EHLO client.example")
            assert (await talk.ask("STARTTLS"))[:3] == "500"


async def test_files_that_do_not_serve_are_454_and_said(tmp_path: Path) -> None:
    text = config(f'TLS_Certificate = "{tmp_path}/none"')
    async with conversation(text) as (at, talk):
        await talk.ask("EHLO client.example")
        assert await talk.ask("STARTTLS") == "454 4.7.0 TLS not available due to temporary reason"
        assert (await talk.message())[:3] == "250"
        (panic,) = [record.text for record in at.records if isinstance(record, Panic)]
        assert f"{tmp_path}/none" in panic


async def test_tls_from_the_first_octet() -> None:
    async with host(config(IMPLICIT), machine=machine()) as at:
        async with talks(at, greeting=False) as talk:
            await talk.shake()
            assert (await talk.reply())[:4] == "220 "
            assert "STARTTLS" not in await talk.ask("EHLO client.example")
            assert (await talk.message())[:3] == "250"
            assert await talk.ask("QUIT") == "221 2.0.0 mx.example closing connection"
            assert await talk.line() == ""
        async with talks(at, greeting=False) as plain:
            await plain.say("EHLO client.example")
            assert await ended(plain)


async def test_the_last_word_is_close_notify() -> None:
    async with conversation() as (_, talk):
        await talk.begin()
        await talk.say("QUIT")
        await talk.reply()
        strict = talk.stream
        strict._https_compatible = False  # an end without close_notify would raise
        assert await strict.receive_some(100) == b""


@pytest.mark.parametrize("seen", ["content", "command"])
async def test_a_cut_in_mid_content_leaves_nothing(seen: str) -> None:
    async with conversation() as (at, talk):
        ended = at.ended
        await talk.begin()
        await talk.envelope()
        if seen == "content":
            await talk.ask("DATA")
            await talk.say(MESSAGE)
            await talk.stream.unwrap()
        else:
            await trio.aclose_forcefully(talk.stream)
        await ended.wait()
        assert not at.spool.kept
        assert not at.accepted


@pytest.mark.parametrize("last", [b"", b" LAST"])
@pytest.mark.parametrize("politely", [True, False])
async def test_the_end_of_tls_is_no_end_of_a_chunk(politely: bool, last: bytes) -> None:
    """Whole chunks and a part of another: what came is given up, however TLS ended."""
    async with conversation(config(CERTIFICATE, "CHUNKING")) as (at, talk):
        ended = at.ended
        assert "CHUNKING" in await talk.begin()
        await talk.envelope()
        assert (await talk.ask(b"BDAT %d\r\n" % len(MESSAGE) + MESSAGE))[:3] == "250"
        await talk.say(b"BDAT %d%s\r\n" % (len(MESSAGE), last) + MESSAGE[:-1])
        if politely:
            await talk.stream.unwrap()
        else:
            await trio.aclose_forcefully(talk.stream)
        await ended.wait()
        assert not at.spool.kept
        assert not at.accepted


async def test_a_handshake_has_its_time(autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with host(config(IMPLICIT), machine=machine()) as at, talks(at, greeting=False) as talk:
        talk.patience_seconds = 100
        began = trio.current_time()
        assert await talk.line() == ""
        assert trio.current_time() - began == pytest.approx(HANDSHAKE_SECONDS, abs=2)
        assert at.connections[0].why == "tls"


async def test_a_drain_ends_a_handshake_and_a_session() -> None:
    async with host(config(), machine=machine()) as at, talks(at) as silent, talks(at) as talk:
        await silent.ask("EHLO client.example")
        await silent.ask("STARTTLS")
        await talk.begin()
        await trio.testing.wait_all_tasks_blocked(0.05)
        at.drain()
        assert (await talk.reply())[:9] == "421 4.3.2"
        assert await silent.line() == ""


async def test_silence_within_tls_is_answered_within_tls(autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with conversation(config(f"{CERTIFICATE} Idle_Time = 20")) as (_, talk):
        talk.patience_seconds = 100
        await talk.begin()
        assert (await talk.reply()).startswith("421 4.4.2 ")


# names


async def test_clients_get_the_certificate_in_the_name_they_ask_for(tmp_path: Path) -> None:
    other = self_signed(tmp_path / "other.pem", "mx.other.example", "*.wild.example")
    text = config(f'{CERTIFICATE} TLS_SNI_Certificates = ( "{other}" )')
    shown = {}
    async with host(text, machine=machine()) as at:
        for name in ("mx.other.example", "a.wild.example", "a.b.wild.example", "mx.example.com", None):
            async with talks(at) as talk:
                await talk.begin(name)
                shown[name] = said(talk)
    assert shown["mx.other.example"] == shown["a.wild.example"] != shown[None]
    assert shown["a.b.wild.example"] == shown["mx.example.com"] == shown[None]


# certificates of clients


@pytest.mark.parametrize(
    ("options", "terms", "verified"),
    [
        (OF_CLIENTS, SHOWS, True),
        (OF_CLIENTS, None, False),
        (f"{OF_CLIENTS} TLS_Verify_Mode = none", SHOWS, False),
        ("", SHOWS, False),
    ],
)
async def test_a_client_with_a_good_certificate_may_relay(
    options: str, terms: ClientTlsTerms | None, verified: bool
) -> None:
    text = config(f"{CERTIFICATE} {options} TLS_Verified_Peer_Can_Relay = true")
    async with conversation(text) as (at, talk):
        await talk.begin(terms=terms)
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE))[:3] == ("250" if verified else "550")
        await talk.ask("WHAT")
        context = dict(at.rejected[-1].connection_context)
        assert (context.get("tls_client_verified") == "yes") is verified
        assert ("tls_client_cert_subject_cn" in context) is verified


async def test_a_good_certificate_alone_gives_no_right() -> None:
    async with conversation(config(f"{CERTIFICATE} {OF_CLIENTS}")) as (_, talk):
        await talk.begin(terms=SHOWS)
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE))[:3] == "550"


async def shaken(talk: TlsTalk, terms: ClientTlsTerms | None) -> bool:
    """Whether a client with *terms* gets as far as EHLO within TLS."""
    try:
        return (await talk.begin(terms=terms))[:3] == "250"
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return False


async def test_require_lets_no_client_through_without_a_good_certificate(tmp_path: Path) -> None:
    bad = self_signed(tmp_path / "client.pem", "client.example")
    text = config(f"{CERTIFICATE} {OF_CLIENTS} TLS_Verify_Mode = require")
    async with host(text, machine=machine()) as at:
        for terms, passes in ((None, False), (ClientTlsTerms(certificate=bad), False), (SHOWS, True), (None, False)):
            async with talks(at) as talk:
                assert await shaken(talk, terms) is passes


async def test_who_shows_a_certificate_that_is_not_good_is_not_asked_for_it_again(tmp_path: Path) -> None:
    """His mail is not to be lost by a certificate that nobody needs."""
    bad = ClientTlsTerms(certificate=self_signed(tmp_path / "client.pem", "client.example"))
    text = config(f"{CERTIFICATE} {OF_CLIENTS} TLS_Verified_Peer_Can_Relay = true")
    async with host(text, machine=machine()) as at:
        async with talks(at) as talk:
            assert not await shaken(talk, bad)
        async with talks(at) as talk:
            assert await shaken(talk, bad)
            await talk.ask("MAIL FROM:<a@b.example>")
            assert (await talk.ask(ELSEWHERE))[:3] == "550"


# sessions resumed, files that change


def session_of(port: int, known: ssl.SSLSession | None, context: ssl.SSLContext) -> tuple[ssl.SSLSession, bool]:
    """The TLS session of a client, in a thread, and whether it was *known* to the server."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        file = plain.makefile("rb")
        assert file.readline()[:3] == b"220"
        plain.sendall(b"STARTTLS\r\n")
        assert file.readline()[:3] == b"220"
        with context.wrap_socket(plain, session=known) as secure:
            secure.sendall(b"NOOP\r\n")
            assert secure.recv(100)[:3] == b"250"
            assert secure.session is not None
            return secure.session, bool(secure.session_reused)


@pytest.mark.parametrize("protocols", ["+TLSv1.2", "+TLSv1.3"])
async def test_a_session_is_not_resumed_at_another_listen(protocols: str) -> None:
    """A client that proved himself at one Listen has not at another, whose options are others."""
    text = f"""
Hostname = "mx.example"
ESMTP_Listener {{ SMTP_Extensions = ( STARTTLS ) {CERTIFICATE} {OF_CLIENTS} TLS_Protocols = "{protocols}"
  Listen "127.0.0.1:2525" {{}} Listen "127.0.0.1:2526" {{}} }}
"""
    context = make_client_context(SHOWS)
    async with host(text, machine=machine()) as at:
        session, first = await trio.to_thread.run_sync(session_of, at.port, None, context)
        session, again = await trio.to_thread.run_sync(session_of, at.port, session, context)
        at.listen = "127.0.0.1:2526"
        _, elsewhere = await trio.to_thread.run_sync(session_of, at.port, session, context)
    assert (first, again, elsewhere) == (False, True, False)


async def test_a_key_of_a_wider_scope_is_another_certificates(tmp_path: Path) -> None:
    file = self_signed(tmp_path / "mx.pem", "mx.example")
    async with conversation(config(f'TLS_Certificate = "{file}"', listener=CERTIFICATE)) as (_, talk):
        await talk.begin()
        assert said(talk) == der_of(file)


async def test_a_renewed_certificate_acts_and_a_broken_one_does_not(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    file = tmp_path / "mx.pem"
    self_signed(file, "mx.example")

    async def shown() -> bytes:
        await trio.sleep(LOOK_SECONDS + 1)
        async with talks(at) as talk:
            await talk.begin()
            return said(talk)

    async with host(config(f'TLS_Certificate = "{file}"'), machine=machine()) as at:
        first = await shown()
        self_signed(tmp_path / "bad", "mx.example", key_of="other")
        for broken in (b"", file.read_bytes()[:300], (tmp_path / "bad").read_bytes()):
            file.write_bytes(broken)
            assert await shown() == first
            assert await shown() == first
        file.unlink()
        assert await shown() == first
        panics = [record.text for record in at.records if isinstance(record, Panic)]
        assert 2 <= len(panics) <= 4  # each fault once
        assert all("the certificate read before stays" in text for text in panics)
        self_signed(file, "mx.example")
        assert await shown() != first


async def test_terms_that_change_ask_sessions_within_tls_to_come_again(tmp_path: Path) -> None:
    """Others go on (DESIGN.md, Generations)."""
    other = self_signed(tmp_path / "other.pem", "mx.example")
    async with host(config(), machine=machine()) as at, talks(at) as plain, talks(at) as talk:
        await talk.begin()
        at.configure(config(CERTIFICATE + " Max_Recipients_Per_Message = 5"))
        assert (await talk.ask("MAIL FROM:<a@b.example>"))[:3] == "250"
        assert (await talk.ask("RSET"))[:3] == "250"
        at.configure(config(f'TLS_Certificate = "{other}"'))
        assert (await talk.ask("MAIL FROM:<a@b.example>"))[:9] == "421 4.3.2"
        assert (await plain.ask("MAIL FROM:<a@b.example>"))[:3] == "250"
