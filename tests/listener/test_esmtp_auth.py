"""SMTP AUTH of the ESMTP listener: mechanisms, files, rights, limits (RFC 4954; spec/listeners.md section 2.7)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from esmtp_host import host
from tls_talk import CERTIFICATE, CONFIG, TlsTalk, conversation, machine, talks
from trio.testing import MockClock

from momentum_trio.limits.guesses import GUESSES_AT_ONCE
from momentum_trio.listener.smtp_authentication import PAUSE_SECONDS
from momentum_trio.machine.os_work import OsWork
from momentum_trio.mail.record import Authenticated, Panic
from momentum_trio.protocol.sasl.client import client_side
from momentum_trio.protocol.sasl.digest_md5 import digest_of
from momentum_trio.protocol.sasl.password_hash import SALT_OCTETS, SCHEMES, made

T = TypeVar("T")

SECRET = "correct:horse é"
CANARY = SECRET.encode()
ELSEWHERE = "RCPT TO:<eve@elsewhere.example>"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5")
STRANGER = "192.0.2.7"


def config(folder: Path, listen: str = CERTIFICATE, *mechanisms: str, scheme: str = "file") -> str:
    """A configuration whose files of secrets know the user ann."""
    lines = {
        "file": f"# users\nann:{SECRET}\nbob:x\n",
        "digest": f"ann:mx.example:{digest_of('ann', 'mx.example', SECRET)}\n",
        "hashed": f"ann:{made('scrypt', SECRET, b's' * SALT_OCTETS)}\n" if scheme == "hashed" else "",
    }
    for name, text in lines.items():
        (folder / name).write_text(text)
    back_ends = f"""
AuthPlainParameters = [ uri = "{scheme}://{folder}/{scheme}" log_authentication = "true" ]
AuthLoginParameters = [ uri = "{scheme}://{folder}/{scheme}" ]
AuthCramMD5Parameters = [ uri = "file://{folder}/file" ]
AuthDigestMD5Parameters = [ uri = "digest://{folder}/digest" ]
"""
    offered = " ".join(f'"{word}"' for word in ("STARTTLS", *(f"AUTH {name}" for name in mechanisms or MECHANISMS)))
    return CONFIG.format(listener=back_ends, listen=listen, extensions=offered)


def coded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


async def authenticate(talk: TlsTalk, mechanism: str, user: str = "ann", password: str = SECRET) -> str:
    """A whole dialogue; the final reply."""
    if mechanism == "PLAIN":
        return await talk.ask(f"AUTH PLAIN {coded(f'{chr(0)}{user}{chr(0)}{password}'.encode())}")
    client = client_side(mechanism, user, password, "smtp/mx.example", "a-nonce")
    reply = await talk.ask(f"AUTH {mechanism}")
    while reply[:4] == "334 ":
        reply = await talk.ask(coded(client.answer(base64.b64decode(reply[4:]))))
    return reply


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("tls", [False, True])
async def test_who_proves_who_he_is_may_relay(mechanism: str, tls: bool, tmp_path: Path) -> None:
    async with conversation(config(tmp_path)) as (at, talk):
        offered = await talk.begin() if tls else await talk.ask("EHLO client.example")
        assert f"AUTH={' '.join(MECHANISMS)}" in offered
        assert f"AUTH {' '.join(MECHANISMS)}" in offered
        assert await authenticate(talk, mechanism) == "235 2.7.0 authentication succeeded"
        assert (await talk.ask("AUTH PLAIN AAAA"))[:3] == "503"
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE))[:3] == "250"
        await talk.ask("WHAT")
        context = dict(at.rejected[-1].connection_context)
        assert context.items() >= {"auth_user": "ann", "auth_status": "pass", "auth_name": mechanism}.items()
        assert context["can_relay"] == "true"
        await talk.ask("RSET")
        assert (await talk.message())[:3] == "250"
        word = b"ESMTPSA (cipher=" if tls else b"ESMTPA\r\n"
        assert b"with " + word in at.spool.kept[0][1]


async def test_the_realm_is_the_hosts_name_whatever_the_greeting_says(tmp_path: Path) -> None:
    async with conversation(config(tmp_path, "Banner_Hostname = other.example")) as (_, talk):
        assert "250-other.example says" in await talk.ask("EHLO client.example")
        assert (await authenticate(talk, "DIGEST-MD5"))[:3] == "235"


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_wrong_password_gives_no_right_and_costs_a_pause(
    mechanism: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with conversation(config(tmp_path)) as (at, talk):
        await talk.ask("EHLO client.example")
        for user in ("ann", "nobody"):
            began = trio.current_time()
            assert await authenticate(talk, mechanism, user, "wrong") == "535 5.7.8 authentication credentials invalid"
            assert trio.current_time() - began >= PAUSE_SECONDS
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE))[:3] == "550"
        assert dict(at.rejected[-1].connection_context)["auth_status"] == "fail"
        assert [(r.code, r.module) for r in at.rejected[:2]] == [(535, "auth")] * 2
        accounts = [record for record in at.records if isinstance(record, Authenticated)]
        assert [(account.user, account.accepted) for account in accounts] == [("ann", False), ("nobody", False)]


async def test_acctlog_has_successes_where_it_is_asked_for(tmp_path: Path) -> None:
    async with host(config(tmp_path), machine=machine()) as at:
        for mechanism in ("PLAIN", "LOGIN"):
            async with talks(at) as talk:
                await talk.ask("EHLO client.example")
                await authenticate(talk, mechanism)
        (account,) = [record for record in at.records if isinstance(record, Authenticated)]
        assert (account.user, account.accepted, account.endpoint) == ("ann", True, "127.0.0.1:2525")


async def test_a_password_is_not_asked_for_in_clear(tmp_path: Path) -> None:
    async with conversation(config(tmp_path), connected_as=STRANGER) as (_, talk):
        offered = await talk.ask("EHLO client.example")
        assert "|250-AUTH CRAM-MD5 DIGEST-MD5|" in offered
        assert await authenticate(talk, "PLAIN") == (
            "538 5.7.11 encryption required for requested authentication mechanism"
        )
        assert "AUTH PLAIN LOGIN CRAM-MD5 DIGEST-MD5" in await talk.begin()
        assert (await authenticate(talk, "PLAIN"))[:3] == "235"


async def test_a_password_may_go_in_clear_where_that_is_said(tmp_path: Path) -> None:
    text = config(tmp_path, "SMTP_AUTH_In_Clear = true")
    async with conversation(text, connected_as=STRANGER) as (_, talk):
        assert "AUTH PLAIN LOGIN" in await talk.ask("EHLO client.example")
        assert (await authenticate(talk, "LOGIN"))[:3] == "235"


async def test_what_was_proved_in_clear_is_forgotten_by_starttls(tmp_path: Path) -> None:
    async with conversation(config(tmp_path)) as (_, talk):
        await talk.ask("EHLO client.example")
        assert (await authenticate(talk, "CRAM-MD5"))[:3] == "235"
        await talk.begin()
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE))[:3] == "550"


async def test_a_mechanism_without_its_file_is_not_offered(tmp_path: Path) -> None:
    text = CONFIG.format(
        listener='AuthLoginParameters = [ uri = "ecauth://" ]', listen="", extensions='"AUTH PLAIN" "AUTH LOGIN"'
    )
    async with conversation(text) as (_, talk):
        assert "AUTH" not in await talk.ask("EHLO client.example")
        assert (await talk.ask("AUTH PLAIN AAAA"))[:3] == "500"


async def test_a_file_that_cannot_be_read_is_a_temporary_failure(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    text = config(tmp_path)
    (tmp_path / "file").unlink()
    async with conversation(text) as (at, talk):
        await talk.ask("EHLO client.example")
        assert await authenticate(talk, "PLAIN") == "454 4.7.0 temporary authentication failure"
        assert await authenticate(talk, "CRAM-MD5") == "454 4.7.0 temporary authentication failure"
        assert {dict(r.connection_context)["auth_status"] for r in at.rejected} == {"error"}
        panics = [record.text for record in at.records if isinstance(record, Panic)]
        assert len(panics) == 2
        assert all(f"{tmp_path}/file" in text for text in panics)


# hashes


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_file_of_hashes(scheme: str, tmp_path: Path, mock_clock: MockClock) -> None:
    mock_clock.rate = 20  # workers take real time, pauses need not
    text = config(tmp_path, CERTIFICATE, "PLAIN", "LOGIN", scheme="hashed")
    (tmp_path / "hashed").write_text(f"bob:plain\nann:{made(scheme, SECRET, b's' * SALT_OCTETS)}\n")
    async with conversation(text) as (_, talk):
        talk.patience_seconds = 600
        await talk.ask("EHLO client.example")
        for user, password in (("ann", "wrong"), ("bob", "plain")):
            assert (await authenticate(talk, "PLAIN", user, password))[:3] == "535"
        assert (await authenticate(talk, "LOGIN"))[:3] == "235"


class CountingWork(OsWork):
    """Workers; *jobs* so far."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = 0

    async def run(self, function: Callable[[], T]) -> T:
        self.jobs += 1
        return await super().run(function)


async def test_users_there_are_none_of_cost_the_same_and_a_right_password_is_known_for_a_while(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    mock_clock.rate = 20
    work = CountingWork()
    costs = []
    text = config(tmp_path, CERTIFICATE, "PLAIN", scheme="hashed")
    async with host(text, machine=replace(machine(), work=work)) as at:
        for user, password in (("ann", "wrong"), ("nobody", "wrong"), ("ann", SECRET), ("ann", SECRET), ("ann", "x")):
            async with talks(at) as talk:
                talk.patience_seconds = 600
                await talk.ask("EHLO client.example")
                before = work.jobs
                await authenticate(talk, "PLAIN", user, password)
                costs.append(work.jobs - before)
    assert costs == [1, 1, 1, 0, 1]


# who has to


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("Enable_Authentication = true", "530"),
        ("Enable_Authentication = true Relay_Hosts = ( 127.0.0.1 )", "250"),
        ("Enable_Authentication = true Open_Relay = true", "250"),
        ("Enable_Authentication = true Always_Allow = true", "250"),
        ("Enable_Authentication = true Always_Allow = true Always_Deny = true", "530"),
        ("Enable_Authentication = false", "250"),
        ("", "250"),
    ],
)
async def test_authentication_may_be_demanded(options: str, code: str, tmp_path: Path) -> None:
    async with conversation(config(tmp_path, options)) as (_, talk):
        await talk.ask("EHLO client.example")
        assert (await talk.ask("MAIL FROM:<a@b.example>"))[:3] == code
        if code == "530" and "Deny" not in options:
            assert (await authenticate(talk, "PLAIN"))[:3] == "235"
            assert (await talk.ask("MAIL FROM:<a@b.example>"))[:3] == "250"


async def test_always_allow_lets_anybody_in_and_nobody_relay(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with conversation(config(tmp_path, "Always_Allow = true")) as (at, talk):
        await talk.ask("EHLO client.example")
        assert (await authenticate(talk, "PLAIN", "ann", "wrong"))[:3] == "235"
        await talk.ask("MAIL FROM:<a@b.example>")
        assert (await talk.ask(ELSEWHERE))[:3] == "550"
        assert dict(at.rejected[-1].connection_context)["auth_user"] == "anonymous"


async def test_who_was_let_in_as_anybody_is_asked_to_come_again_when_anybody_is_not(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    text = config(tmp_path, "Enable_Authentication = true Always_Allow = true")
    async with conversation(text) as (at, talk):
        await talk.ask("EHLO client.example")
        assert (await authenticate(talk, "PLAIN", "ann", "wrong"))[:3] == "235"
        at.configure(text.replace("Always_Allow = true", ""))
        assert (await talk.ask("MAIL FROM:<a@b.example>"))[:3] == "421"


async def test_always_deny_wins(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with conversation(config(tmp_path, "Always_Allow = true Always_Deny = true")) as (_, talk):
        await talk.ask("EHLO client.example")
        assert (await authenticate(talk, "PLAIN"))[:3] == "535"


# limits


async def test_tries_are_limited_by_session_and_by_address(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    replies: list[str] = []
    async with host(config(tmp_path), machine=machine()) as at:
        while len(replies) < GUESSES_AT_ONCE + 4:
            async with talks(at) as talk:
                await talk.ask("EHLO client.example")
                replies += [(await authenticate(talk, "PLAIN", "ann", "wrong"))[:3] for _ in range(3)]
                assert (await authenticate(talk, "PLAIN"))[:3] == "421"
                assert await talk.line() == ""
    assert replies[:GUESSES_AT_ONCE] == ["535"] * GUESSES_AT_ONCE
    assert "454" in replies[GUESSES_AT_ONCE:]


async def test_who_succeeds_has_made_no_guess(tmp_path: Path) -> None:
    async with host(config(tmp_path), machine=machine()) as at:
        for _ in range(GUESSES_AT_ONCE + 5):
            async with talks(at) as talk:
                await talk.ask("EHLO client.example")
                assert (await authenticate(talk, "PLAIN"))[:3] == "235"


# configurations that change


async def test_who_would_not_be_let_in_any_more_is_asked_to_come_again(tmp_path: Path) -> None:
    text = config(tmp_path)
    async with conversation(text) as (at, talk):
        await talk.ask("EHLO client.example")
        await authenticate(talk, "CRAM-MD5")
        at.configure(text.replace("Hostname", "Relay_Domains = ( other.example ) Hostname", 1))
        assert (await talk.ask("RSET"))[:3] == "250"
        at.configure(text.replace("Listen ", "Always_Deny = true Listen ", 1))
        assert (await talk.ask("MAIL FROM:<a@b.example>"))[:9] == "421 4.3.2"


# secrets


async def test_no_password_is_in_any_record(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    said = coded(b"\0ann\0" + CANARY)
    async with host(config(tmp_path), machine=machine()) as at:
        for lines in (
            [f"AUTH PLAIN {said}"],
            [f"AUTH  PLAIN {said}"],
            [f"AUTH PLAINER {said}"],
            [f"AUTH CRAM-MD5 {said}"],
            ["AUTH PLAIN", said],
            ["AUTH LOGIN", coded(b"ann"), coded(CANARY)],
            ["AUTH LOGIN", coded(b"ann"), SECRET],
            [said],
        ):
            async with talks(at) as talk:
                await talk.ask("EHLO client.example")
                for line in lines:
                    await talk.ask(line)
        found = repr(at.records)
    for secret in (SECRET, coded(CANARY), said):
        assert secret not in found
