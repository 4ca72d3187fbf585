"""SECURITY.md's paragraph on HTTP, rule by rule."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio
from http_host import LISTEN, PLAIN, HttpHost, Said, asking, http_conversation, http_host, within_tls
from tls_talk import CERTIFICATE, OF_CLIENTS, SHOWS
from trio.testing import MockClock

from momentum_trio.limits.guesses import GUESSES_AT_ONCE
from momentum_trio.listener.http_authentication import KNOWN_SECONDS
from momentum_trio.mail.record import Authenticated, Authorized
from momentum_trio.protocol.http.authorization import Digest
from momentum_trio.protocol.http.nonces import SECONDS
from momentum_trio.protocol.sasl import directives
from momentum_trio.protocol.sasl.digest_md5 import digest_of

JSON = "application/json"
ELSEWHERE = "192.0.2.7"
REALM = "Momentum Console"


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    """Options that name files: ada's password is ``s:e``, by Basic and by Digest."""
    (tmp_path / "passwd").write_text("ada:s:e\n")
    (tmp_path / "digest").write_text(f"ada:{REALM}:{digest_of('ada', REALM, 's:e')}\n")
    (tmp_path / "groups").write_text("watchers:ada\n")
    return (
        f'AuthPlainParameters = [ uri = "file://{tmp_path}/passwd" ]'
        f' AuthDigestMD5Parameters = [ uri = "digest://{tmp_path}/digest" log_authentication = "true" ]'
        f' AuthorizationParameters = [ uri = "groups://{tmp_path}/groups" ]'
    )


@pytest.fixture
def patient_clock(autojump_clock: MockClock) -> MockClock:
    """One that jumps only when no worker is at a file either."""
    autojump_clock.autojump_threshold = 0.05
    return autojump_clock


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def challenged(said: Said) -> str:
    """The first challenge of an answer."""
    return next(value for name, value in said.all_fields if name == "www-authenticate")


def nonce_of(challenge: str) -> str:
    return directives.parse(challenge.partition(" ")[2].encode())["nonce"]


def digest(nonce: str, count: int = 1, *, target: str = "/who", password: str = "s:e", method: str = "GET") -> str:
    proof = Digest("ada", REALM, nonce, target, count, "c", "")
    response = proof.wanted(digest_of("ada", REALM, password), method)
    return (
        f'Digest username="ada", realm="{REALM}", nonce="{nonce}", uri="{target}", algorithm=MD5, qop=auth,'
        f' nc={count:08x}, cnonce="c", response="{response}"'
    )


def elsewhere(at: HttpHost) -> None:
    """Who connects from now on is on another host, at a Listen that is not on loopback."""
    at.listen, at.connected_as = "192.0.2.1:2081", ELSEWHERE


# Everything but /healthz needs authentication unless the Listen is loopback.


async def test_a_loopback_listen_asks_nobody_who_he_is() -> None:
    async with http_conversation() as (_, talk):
        assert (await talk.ask("GET", "/who")).json == ["", None]


@pytest.mark.parametrize("options", ["", "Enable_Authentication = false"])
async def test_elsewhere_everything_but_healthz_needs_authentication(options: str, secrets: str) -> None:
    for held, status in (("", 403), (secrets, 401)):
        async with http_host(PLAIN % f"{options} {held}") as at:
            elsewhere(at)
            async with asking(at) as talk:
                assert (await talk.ask("GET", "/healthz")).status == 200
                for target in ("/who", "/readyz", "/robots.txt", "/nowhere", "/repeat"):
                    assert (await talk.ask("GET", target)).status == status
                assert (await talk.ask("OPTIONS", "/who")).status == status


async def test_a_loopback_listen_asks_where_it_is_told_to(secrets: str) -> None:
    async with http_conversation(secrets) as (_, talk):
        assert (await talk.ask("GET", "/who")).status == 401
        assert (await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))).json == ["ada", "BASIC"]
    async with http_conversation("Enable_Authentication = true") as (_, talk):
        assert (await talk.ask("GET", "/who")).status == 403
    async with http_conversation(f"{secrets} Enable_Authentication = false") as (_, talk):
        assert (await talk.ask("GET", "/who")).json == ["", None]


# Basic authentication only under TLS or loopback.


async def test_basic_is_neither_offered_nor_taken_in_clear(secrets: str) -> None:
    async with http_host(PLAIN % secrets) as at:
        elsewhere(at)
        async with asking(at) as talk:
            said = await talk.ask("GET", "/who")
            challenges = [value for name, value in said.all_fields if name == "www-authenticate"]
            assert [challenge.split()[0] for challenge in challenges] == ["Digest"]
            said = await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))
            assert said.status == 401


async def test_basic_is_taken_within_tls(secrets: str) -> None:
    async with http_host(PLAIN % f"{secrets} Use_SSL = true {CERTIFICATE}") as at:
        elsewhere(at)
        async with within_tls(at) as talk:
            said = await talk.ask("GET", "/who")
            challenges = [value.split()[0] for name, value in said.all_fields if name == "www-authenticate"]
            assert challenges == ["Digest", "Basic"]
            assert (await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))).json == ["ada", "BASIC"]


# Passwords and proofs.


@pytest.mark.parametrize(
    "authorization",
    [
        basic("ada", "wrong"),
        basic("eve", "s:e"),
        basic("ada", ""),
        "Basic !!!",
        "Bearer x",
        "Digest username=ada",
    ],
)
async def test_what_proves_nothing_is_refused_after_a_pause(
    authorization: str, secrets: str, patient_clock: MockClock
) -> None:
    async with http_conversation(secrets) as (at, talk):
        talk.patience_seconds = 100
        began = trio.current_time()
        assert (await talk.ask("GET", "/who", authorization=authorization)).status == 401
        assert trio.current_time() - began >= 2
        assert [record.accepted for record in at.records if isinstance(record, Authenticated)] == [False]


async def test_digest_proves_each_request_by_itself(secrets: str) -> None:
    async with http_conversation(secrets) as (at, talk):
        nonce = nonce_of(challenged(await talk.ask("GET", "/who")))
        for count in (1, 2, 5, 3):
            said = await talk.ask("GET", "/who", authorization=digest(nonce, count))
            assert said.json == ["ada", "DIGEST-MD5"]
        assert sum(isinstance(record, Authenticated) for record in at.records) == 1  # log_authentication


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"target": "/elsewhere"},
        {"method": "POST"},
        {"count": 0},
    ],
)
async def test_a_digest_of_something_else_is_no_proof(
    wrong: Mapping[str, object], secrets: str, patient_clock: MockClock
) -> None:
    async with http_conversation(secrets) as (_, talk):
        talk.patience_seconds = 100
        nonce = nonce_of(challenged(await talk.ask("GET", "/who")))
        assert (await talk.ask("GET", "/who", authorization=digest(nonce, **wrong))).status == 401  # type: ignore[arg-type]
        assert (await talk.ask("GET", "/who", authorization=digest(nonce))).status == 200


async def test_a_digest_that_was_heard_is_worth_nothing_again(secrets: str, patient_clock: MockClock) -> None:
    async with http_host(PLAIN % secrets) as at, asking(at) as ada, asking(at) as eve:
        ada.patience_seconds = eve.patience_seconds = 100
        nonce = nonce_of(challenged(await ada.ask("GET", "/who")))
        heard = digest(nonce)
        assert (await ada.ask("GET", "/who", authorization=heard)).status == 200
        assert (await eve.ask("GET", "/who", authorization=heard)).status == 401
        assert (await ada.ask("GET", "/who", authorization=heard)).status == 401


async def test_a_nonce_is_over_after_a_while_and_another_is_taken_at_once(
    secrets: str, patient_clock: MockClock
) -> None:
    async with http_conversation(f"{secrets} Idle_Time = 1000") as (_, talk):
        talk.patience_seconds = 1000
        nonce = nonce_of(challenged(await talk.ask("GET", "/who")))
        await trio.sleep(SECONDS + 1)
        began = trio.current_time()
        said = await talk.ask("GET", "/who", authorization=digest(nonce))
        assert (said.status, "stale=true" in challenged(said)) == (401, True)
        assert trio.current_time() - began < 1
        again = digest(nonce_of(challenged(said)))
        assert (await talk.ask("GET", "/who", authorization=again)).status == 200


async def test_a_password_that_was_right_holds_for_a_little_while_only(
    secrets: str, tmp_path: Path, patient_clock: MockClock
) -> None:
    async with http_conversation(secrets) as (_, talk):
        talk.patience_seconds = 100
        assert (await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))).status == 200
        (tmp_path / "passwd").write_text("ada:other\n")
        assert (await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))).status == 200
        assert (await talk.ask("GET", "/who", authorization=basic("ada", "s:f"))).status == 401
        await trio.sleep(KNOWN_SECONDS)
        assert (await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))).status == 401
        assert (await talk.ask("GET", "/who", authorization=basic("ada", "other"))).status == 200


async def test_guesses_are_counted_over_all_connections(secrets: str, patient_clock: MockClock) -> None:
    async with http_host(PLAIN % secrets) as at:
        for _ in range(GUESSES_AT_ONCE):
            async with asking(at) as talk:
                talk.patience_seconds = 100
                await talk.ask("GET", "/who", authorization=basic("ada", "guess"))
        async with asking(at) as talk:
            said = await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))
            assert (said.status, said.code) == (429, "too_many_failures")
            assert int(said.fields["retry-after"]) > 0


async def test_many_connections_at_once_that_are_right_are_no_guesses(secrets: str) -> None:
    statuses = []
    async with http_host(PLAIN % secrets) as at:

        async def ask() -> None:
            async with asking(at) as talk:
                statuses.append((await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))).status)

        async with trio.open_nursery() as nursery:
            for _ in range(3 * GUESSES_AT_ONCE):
                nursery.start_soon(ask)
    assert statuses == [200] * 3 * GUESSES_AT_ONCE


async def test_a_file_that_cannot_be_read_lets_nobody_in(tmp_path: Path) -> None:
    async with http_conversation(f'AuthPlainParameters = [ uri = "file://{tmp_path}/none" ]') as (_, talk):
        assert (await talk.ask("GET", "/who", authorization=basic("ada", "s:e"))).status == 503


async def test_always_allow_makes_anonymous_and_always_deny_wins(secrets: str) -> None:
    async with http_host(PLAIN % f"Always_Allow = true {secrets}") as at:
        elsewhere(at)
        async with asking(at) as talk:
            assert (await talk.ask("GET", "/who")).json == ["anonymous", ""]
            assert (await talk.ask("GET", "/reading")).status == 403
    async with http_conversation("Always_Allow = true Always_Deny = true") as (_, talk):
        assert (await talk.ask("GET", "/who")).status == 403
        assert (await talk.ask("GET", "/healthz")).status == 200


async def test_a_certificate_authorizes_where_that_is_said() -> None:
    for said, status in (("true", 200), ("false", 403)):
        options = f"Use_SSL = true {CERTIFICATE} {OF_CLIENTS} TLS_Verified_Peer_Is_Authorized = {said}"
        async with http_host(PLAIN % options) as at:
            elsewhere(at)
            async with within_tls(at, SHOWS) as talk:
                answer = await talk.ask("GET", "/who")
                assert answer.status == status
                if status == 200:
                    assert answer.json[1] == "CERTIFICATE"
            async with within_tls(at) as talk:
                assert (await talk.ask("GET", "/who")).status == 403


# State-changing requests need application/json, an allowed Host, the same Origin.


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"content_type": JSON}, 200),
        ({"content_type": "Application/JSON; charset=utf-8"}, 200),
        ({"content_type": "message/rfc822"}, 200),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/json, text/plain"}, 415),
        ({}, 415),
        ({"content_type": JSON, "content_encoding": "gzip"}, 415),
        ({"content_type": JSON, "expect": "200-ok"}, 417),
    ],
)
async def test_what_changes_something_has_a_media_type_no_form_has(fields: dict[str, str], status: int) -> None:
    async with http_conversation() as (_, talk):
        assert (await talk.ask("POST", "/echo", b"{}", **fields)).status == status
        assert (await talk.ask("GET", "/healthz")).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:2081", 200),
        ("[::1]:2081", 200),
        ("localhost", 200),
        ("MX.example.:1", 200),
        ("further.example", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("mx.example.evil.example:2081", 421),
        ("", 400),
        ("a b", 400),
        ("mx.example/x", 400),
        ("user@mx.example", 400),
        ("mx.example:99999", 400),
    ],
)
async def test_a_name_that_is_not_ours_is_not_answered(host: str, status: int) -> None:
    async with http_conversation("HTTP_Hosts = ( further.example )") as (_, talk):
        said = await talk.ask("GET", "/healthz", host=host)
        assert said.status == status
        assert ("connection" in said.fields) == (status != 200)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://mx.example:2081", 200),
        ("https://mx.example:2081", 200),  # TLS ends in a proxy in front of us
        ("http://mx.example", 403),
        ("http://mx.example:2082", 403),
        ("http://evil.example:2081", 403),
        ("null", 403),
        ("file://", 403),
        ("http://mx.example:2081.evil.example", 403),
    ],
)
async def test_a_page_of_another_origin_does_not_ask_here(origin: str, status: int) -> None:
    async with http_conversation() as (_, talk):
        said = await talk.ask("POST", "/echo", b"{}", host="mx.example:2081", origin=origin, content_type=JSON)
        assert said.status == status
        assert not any(name.startswith("access-control") for name in said.fields)


async def test_within_tls_a_page_that_came_in_clear_is_another_origin() -> None:
    async with http_host(PLAIN % f"Use_SSL = true {CERTIFICATE}") as at, within_tls(at) as talk:
        assert (await talk.ask("GET", "/who", host="mx.example", origin="http://mx.example")).status == 403
    async with http_host(PLAIN % f"Use_SSL = true {CERTIFICATE}") as at, within_tls(at) as talk:
        assert (await talk.ask("GET", "/who", host="mx.example", origin="https://mx.example")).status == 200


async def test_no_preflight_is_ever_granted() -> None:
    async with http_conversation() as (_, talk):
        said = await talk.ask("OPTIONS", "/echo", access_control_request_method="POST")
        assert not any(name.startswith("access-control") for name in said.fields)


async def test_no_cookie_is_ever_set() -> None:
    async with http_conversation() as (_, talk):
        for target in ("/healthz", "/who", "/nowhere"):
            assert "set-cookie" not in (await talk.ask("GET", target, cookie="session=1")).fields


# The console's roles, and the acctlog.

ROLES = 'Authorization { Role "watchers" { Allow = ( "^listeners$" ) } }'


async def test_who_has_proved_who_he_is_may_what_a_role_of_his_allows(secrets: str) -> None:
    async with http_host(ROLES + PLAIN % secrets) as at, asking(at) as talk:
        proof = basic("ada", "s:e")
        assert (await talk.ask("GET", "/reading", authorization=proof)).status == 200
        assert not [record for record in at.records if isinstance(record, Authorized)]  # it changes nothing
        said = await talk.ask("POST", "/acting", b"{}", content_type=JSON, authorization=proof)
        assert said.status == 403
        said = await talk.ask("DELETE", "/item/7", authorization=proof)
        assert said.status == 403
        accounted = [record for record in at.records if isinstance(record, Authorized)]
        assert [(record.user, record.accepted, record.command) for record in accounted] == [
            ("ada", False, "config set x {id}"),
            ("ada", False, "fail 7"),
        ]


async def test_roles_are_not_asked_where_that_is_said(secrets: str) -> None:
    async with http_host(PLAIN % f"{secrets} Enable_Authorization = false") as at, asking(at) as talk:
        said = await talk.ask("DELETE", "/item/7", authorization=basic("ada", "s:e"))
        assert said.json == {"id": "7"}
        (accounted,) = [record for record in at.records if isinstance(record, Authorized)]
        assert (accounted.endpoint, accounted.accepted) == (LISTEN, True)


async def test_on_loopback_nobody_in_particular_may_what_a_console_there_allows() -> None:
    async with http_conversation() as (_, talk):
        assert (await talk.ask("DELETE", "/item/7")).status == 200
    async with http_conversation("Enable_Authorization = true") as (_, talk):
        assert (await talk.ask("DELETE", "/item/7")).status == 403
