"""The proof of who a client on TCP is: mechanisms, attempts, the pause, the timeout, and what acctlog has of it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import trio
from console_host import NOW, Host, console_host
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from momentum_trio.console.authentication import ATTEMPTS_MAX, PAUSE_SECONDS, SECONDS_MAX
from momentum_trio.console.password_file import digests, passwords
from momentum_trio.mail.record import Authenticated, Authorized, Panic
from momentum_trio.protocol.console.client import State as ClientState
from momentum_trio.protocol.console.frame import Banner, Challenge, Farewell, Refused, Welcome
from momentum_trio.protocol.sasl import strategies as sasl
from momentum_trio.protocol.sasl.digest_md5 import digest_of

CANARY = "s3cret-canary"
REALM = "Momentum Console"
DIGEST = digest_of("ann", REALM, CANARY)
FAILED = "authentication failed"


def written(folder: Path) -> str:
    """Files of secrets in *folder*, and the options that name them."""
    (folder / "digests").write_text(f"# console\nann:{REALM}:{DIGEST}\nbob:elsewhere:{DIGEST}\n")
    (folder / "passwords").write_text(f"ann:{CANARY}\n")
    return f"""
      AuthDigestMD5Parameters = [ uri = "digest://{folder}/digests" log_authentication = "true" ]
      AuthCramMD5Parameters = [ uri = "file://{folder}/passwords" ]
      AuthLoginParameters = [ uri = "file://{folder}/passwords" ]
    """


def entries(host: Host) -> list[tuple[str, bool, bool]]:
    return [(r.user, r.accepted, r.expired) for r in host.records if isinstance(r, Authenticated)]


@pytest.mark.parametrize(("mechanism", "logged"), [("DIGEST-MD5", True), ("CRAM-MD5", False), ("LOGIN", False)])
async def test_who_knows_the_password_is_let_in(mechanism: str, logged: bool, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        banner = await console.greet()
        assert isinstance(banner, Banner)
        assert banner.mechanisms == ("DIGEST-MD5", "CRAM-MD5", "LOGIN")
        assert banner.user == ""
        assert await console.authenticate(mechanism, "ann", CANARY) == Welcome("ann")
        assert await console.ask("pid") == ("ok", "4711\n")
        proved = Authenticated(NOW, host.endpoint, "127.0.0.1:4711", "ann", True)
        command = Authorized(NOW, host.endpoint, "127.0.0.1:4711", "ann", True, "pid")
        assert host.records == ([proved, command] if logged else [command])


async def test_over_a_network_no_password_goes_in_clear(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True, peer="192.0.2.7") as host:
        console = await host.connect()
        banner = await console.greet()
        assert isinstance(banner, Banner)
        assert banner.mechanisms == ("DIGEST-MD5", "CRAM-MD5")
        assert isinstance(await console.authenticate("DIGEST-MD5", "ann", CANARY), Welcome)
        assert await console.ask("pid") == ("ok", "4711\n")
        other = await host.connect()
        assert await other.authenticate("LOGIN", "ann", CANARY) == Refused(FAILED)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "Always_Allow = true",
        "Enable_Authentication = false",
        'Peer "10.0.0.0/8" { Always_Deny = true }',
    ],
)
async def test_loopback_without_a_demand_needs_no_proof(options: str, tmp_path: Path) -> None:
    back_ends = written(tmp_path) if options else ""
    async with console_host(tmp_path / "control", back_ends + options, tcp=True) as host:
        console = await host.connect()
        banner = await console.greet()
        assert isinstance(banner, Banner)
        if options.startswith("Peer"):
            assert banner.mechanisms
            return
        assert (banner.mechanisms, banner.user) == ((), "anonymous" if "Allow" in options else "")
        assert await console.ask("pid") == ("ok", "4711\n")


async def test_elsewhere_always_allow_is_no_proof(tmp_path: Path) -> None:
    options = written(tmp_path) + "Always_Allow = true"
    async with console_host(tmp_path / "control", options, tcp=True, peer="192.0.2.7") as host:
        banner = await (await host.connect()).greet()
        assert isinstance(banner, Banner)
        assert banner.mechanisms


async def test_nothing_is_said_before_the_proof(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        await console.greet()
        await console.socket.send(b'{"frame":"command","request":1,"line":"shutdown"}\n')
        farewell = await console.farewell()
        assert farewell.why == "command where authentication was expected"
        assert not host.administration.shutting_down
        assert not [record for record in host.records if isinstance(record, Authorized)]


@pytest.mark.parametrize(
    ("mechanism", "user", "password"),
    [
        ("DIGEST-MD5", "ann", "wrong"),
        ("DIGEST-MD5", "nobody", CANARY),
        ("DIGEST-MD5", "bob", CANARY),  # of another realm
        ("CRAM-MD5", "ann", DIGEST),
        ("LOGIN", "ann", "wrong"),
        ("LOGIN", "nobody", CANARY),
        ("LOGIN", "ann", DIGEST),
    ],
)
async def test_a_failure_costs_a_pause_and_the_last_one_the_connection(
    mechanism: str, user: str, password: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05  # sockets are real: give octets time to arrive
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        for attempt in range(1, ATTEMPTS_MAX + 1):
            began = trio.current_time()
            event = await console.authenticate(mechanism, user, password)
            assert event == (Refused(FAILED) if attempt < ATTEMPTS_MAX else Farewell(FAILED, broken=True))
            assert trio.current_time() - began >= PAUSE_SECONDS
        assert await console.socket.recv(1) == b""
        await host.ended.wait()
        assert entries(host) == [(user, False, False)] * ATTEMPTS_MAX
        assert host.connections[0].why == "fault"


async def test_after_a_failure_the_right_password_is_taken(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        assert await console.authenticate("DIGEST-MD5", "ann", "wrong") == Refused(FAILED)
        assert await console.authenticate("DIGEST-MD5", "ann", CANARY) == Welcome("ann")
        assert (await console.ask("authz id"))[1].startswith('<AuthzInformation username="ann">')
        assert entries(host) == [("ann", False, False), ("ann", True, False)]


async def test_dialogues_left_unfinished_are_counted(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        await console.greet()
        nonces = set()
        for _ in range(ATTEMPTS_MAX):
            console.client.authenticate("", "DIGEST-MD5")
            challenge = await console.next()
            assert isinstance(challenge, Challenge)
            nonces.add(challenge.challenge)
        assert len(nonces) == ATTEMPTS_MAX
        console.client.authenticate("", "LOGIN")
        assert isinstance(await console.next(), Farewell)


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", ""),
        ("", ""),
        ("login", ""),
        ("LOGIN", "%%%"),
        ("LOGIN", "YW5u="),
        ("DIGEST-MD5", "YW5u"),
        ("", "YW5u"),
    ],
)
async def test_what_is_no_dialogue_is_refused(
    mechanism: str, response: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        await console.greet()
        console.client.authenticate(response, mechanism)
        assert await console.next() == Refused(FAILED)
        assert not host.faults


async def test_responses_to_nothing_are_counted_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console, began = await host.connect(), trio.current_time()
        await console.greet()
        await console.socket.send(b'{"frame":"authenticate","response":"YW5u"}\n' * 100)
        for _ in range(ATTEMPTS_MAX - 1):
            console.client.state = ClientState.CHECKING  # it would not speak out of turn itself
            assert await console.next() == Refused(FAILED)
        assert await console.next() == Farewell(FAILED, broken=True)
        assert trio.current_time() - began == pytest.approx(ATTEMPTS_MAX * PAUSE_SECONDS, abs=1)


async def test_what_one_connection_said_is_worth_nothing_on_another(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        first, second = await host.connect(), await host.connect()
        said = []
        take = first.client.authenticate
        first.client.authenticate = lambda r, m="": said.append((r, m)) or take(r, m)  # type: ignore
        assert await first.authenticate("DIGEST-MD5", "ann", CANARY) == Welcome("ann")
        await second.greet()
        for response, mechanism in said[:2]:
            second.client.authenticate(response, mechanism)
            event = await second.next()
        assert event == Refused(FAILED)


async def test_files_are_read_anew_for_each_dialogue(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        (tmp_path / "digests").unlink()
        assert await console.authenticate("DIGEST-MD5", "ann", CANARY) == Refused(FAILED)
        assert [record.text for record in host.records if isinstance(record, Panic)] == [
            f"DIGEST-MD5: {tmp_path}/digests: No such file or directory: nobody can prove who he is by it"
        ]
        (tmp_path / "digests").write_text(f"new:{REALM}:{digest_of('new', REALM, 'pw')}\n")
        assert await console.authenticate("DIGEST-MD5", "new", "pw") == Welcome("new")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ('realm = "my choice"', f"ann:my choice:{digest_of('ann', 'my choice', CANARY)}"),
        ('stored_cleartext = "true"', f"ann:{REALM}:{CANARY}"),
    ],
)
async def test_the_ways_to_keep_a_digest(more: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "digests").write_text(line)
    options = f"AuthDigestMD5Parameters = [ uri = digest://{tmp_path}/digests {more} ]"
    async with console_host(tmp_path / "control", options, tcp=True) as host:
        assert await (await host.connect()).authenticate("DIGEST-MD5", "ann", CANARY) == Welcome("ann")


@pytest.mark.parametrize(
    ("options", "seconds", "why"),
    [
        ("Timeout = 30", 30.0, "nothing was said for 30 seconds"),
        ("Timeout = 0", SECONDS_MAX, "nobody proved who he is within 120 seconds"),
        ("Timeout = 3000", SECONDS_MAX, "nobody proved who he is within 120 seconds"),
    ],
)
async def test_who_proves_nothing_in_time_is_let_go(
    options: str, seconds: float, why: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path) + options, tcp=True) as host:
        console = await host.connect()
        began = trio.current_time()
        await console.greet()
        assert await console.farewell() == Farewell(why)
        assert trio.current_time() - began == pytest.approx(seconds)
        assert entries(host) == [("", False, True)]
        assert host.connections[0].why == "idle"


async def test_talk_does_not_make_the_time_longer(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        await console.greet()
        for _ in range(2):
            await trio.sleep(50)
            console.client.authenticate("", "DIGEST-MD5")
            assert isinstance(await console.next(), Challenge)
        assert await console.farewell() == Farewell("nobody proved who he is within 120 seconds")


async def test_who_has_proved_it_has_the_timeout_of_everybody(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path) + "Timeout = 0", tcp=True) as host:
        console = await host.connect()
        await console.authenticate("LOGIN", "ann", CANARY)
        await trio.sleep(10 * SECONDS_MAX)
        assert await console.ask("pid") == ("ok", "4711\n")


async def test_a_drain_ends_the_pause(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        await console.greet()
        console.client.authenticate("", "PLAIN")
        await console.flush()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert host.records
        began = trio.current_time()
        host.drain()
        assert await console.farewell() == Farewell("the node shuts down")
        assert trio.current_time() - began < PAUSE_SECONDS


async def test_tightened_rules_act_on_sessions_that_are_open(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", tcp=True) as host:
        nobody, other = await host.connect(), await host.connect()
        await nobody.greet()
        line = f"config set control_listener AuthLoginParameters [ uri = file://{tmp_path}/x ]"
        assert (await other.ask(line))[0] == "ok"
        for console in (nobody, other):
            console.client.command("pid")
            assert await console.farewell() == Farewell(
                "authentication is demanded here now: connect again", broken=True
            )


@pytest.mark.parametrize("mechanism", ["DIGEST-MD5", "CRAM-MD5", "LOGIN"])
async def test_the_secret_is_seen_nowhere(mechanism: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    """But in what a client sends by LOGIN; the digest is as good as the password, for this realm."""
    autojump_clock.autojump_threshold = 0.05
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        console = await host.connect()
        heard = [await console.authenticate(mechanism, "ann", password) for password in ("wrong", CANARY)]
        answers = [
            await console.ask(line)
            for line in (
                "authz id",
                "config showrecurse",
                "json config showrecurse",
                f"config set hostname {CANARY}x y",
            )
        ][:3]
        seen = repr((heard, answers, host.records, host.administration.descriptions))
        for secret in (CANARY, DIGEST, base64.b64encode(CANARY.encode()).decode()):
            assert secret not in seen.replace(f"config set hostname {CANARY}x y", "")


FILE = """\
# ann:commented
ann:secret
ann:second
bob:with:colon\r
:nobody
carol:
dave
 eve : spaced
"""


def test_a_file_of_passwords() -> None:
    assert passwords(FILE) == {"ann": "secret", "bob": "with:colon", " eve ": " spaced"}


def test_a_file_of_digests() -> None:
    text = f"#x:r:{'0' * 32}\nann:r:{'AB' * 16}\r\nann:r:{'1' * 32}\nbob:s:{'2' * 32}\n"
    text += f"carol:r:{'3' * 31}\ndave:{'4' * 32}\n"
    assert digests(text, "r") == {"ann": "ab" * 16}
    assert digests(text, "s") == {"bob": "2" * 32}
    assert digests("ann:r:se:cret", "r", stored_cleartext=True) == {"ann": digest_of("ann", "r", "se:cret")}


plain = st.text(st.characters(codec="utf-8", exclude_characters=":\n\r"), min_size=1).filter(lambda n: n[0] != "#")


@given(st.dictionaries(plain, sasl.passwords))
def test_files_say_what_was_written(secrets: dict[str, str]) -> None:
    assert passwords("".join(f"{user}:{password}\n" for user, password in secrets.items())) == secrets
    kept = {user: digest_of(user, "r", password) for user, password in secrets.items()}
    assert digests("".join(f"{user}:r:{digest}\n" for user, digest in kept.items()), "r") == kept
