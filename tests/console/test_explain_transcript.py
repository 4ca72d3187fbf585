"""``config explain`` over a real Unix socket: what is typed, and the exact text of the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from console_host import console_host

WHO = "[LISTENER] PEER [to LISTEN] [helo NAME] [auth USER] [from PATH] [rcpt PATH] ... [option NAME]"
SESSION = """\
10.0.0.5 connects to *:2525: accepted by Listen "*:2525" of ESMTP_Listener, ecelerity.conf:16:3

Asked for each option, most specific first
  1  Peer "10.0.0.0/8" in Listen "*:2525"  ecelerity.conf:17:5
  2  Listen "*:2525"                       ecelerity.conf:16:3
  3  ESMTP_Listener                        ecelerity.conf:14:1
  4  Global

Peers
  holds him  Peer "10.0.0.0/8" in Listen "*:2525"  ecelerity.conf:17:5

The session
  < 220 mx1 ESMTP momentum-trio 0.1.0 DATE
        Banner_Hostname = "mx1"  ecelerity.conf:15:3  ESMTP_Listener
  > EHLO [10.0.0.5]
  < 250-mx1 says EHLO to 10.0.0.5
  < 250-PIPELINING
  < 250-8BITMIME
  < 250 ENHANCEDSTATUSCODES
        SMTP_Extensions = ( "ENHANCEDSTATUSCODES" )  ecelerity.conf:18:7  Peer "10.0.0.0/8" in Listen "*:2525"
  > MAIL FROM:<>
  < 250 2.1.0 MAIL FROM accepted
      passed authenticated, receptions_per_connection, bound, null_reverse_path, sender
  > RCPT TO:<a@b.example>
  < 550 5.7.1 relaying denied
      refused by relay: no rule lets this client send to this domain
        Relay_Domains = ( )                  default
        Bounce_Domains = ( )                 default
        Open_Relay = 0                       default
        Relay_Hosts = ( 10.0.0.1 10.0.0.2 )  ecelerity.conf:4:1  Global
        Relay_For_Sending_Domains = ( )      default

Depends on the moment
  descriptors: when they are all in use, 421 4.4.5 Service unavailable, concurrency limit reached
  what this connection has brought so far: this is taken for its first message
  the spool: 452 4.3.1 insufficient system storage when it is full, 451 4.3.0 transaction failed when it is sick

Options that are set
  Banner_Hostname = "mx1"                      ecelerity.conf:15:3  ESMTP_Listener
  Relay_Hosts = ( 10.0.0.1 10.0.0.2 )          ecelerity.conf:4:1   Global
"""


async def test_a_session(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        status, text = await host.ask("config explain 10.0.0.5 to :2525 rcpt a@b.example")
        assert status == "ok"
        assert text.startswith(SESSION.partition("  Relay_Hosts = ( 10.0.0.1 10.0.0.2 )          ")[0])


async def test_a_change_at_the_console_is_told_of_as_such(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console = await host.connect()
        await console.ask("config set esmtp_listener peer 10.0.0.0/16 relay_hosts ( 10.0.0.5 )")
        _, text = await console.ask("config explain 10.0.0.5 to :2525 rcpt a@b.example option relay_hosts")
        assert text == (
            "Relay_Hosts = ( 10.0.0.5 )\n"
            '  1  ( 10.0.0.5 )           set on the console  Peer "10.0.0.0/16" in ESMTP_Listener\n'
            "  2  ( 10.0.0.1 10.0.0.2 )  ecelerity.conf:4:1  Global\n"
            "  the first holds, the others are overridden\n"
        )
        _, text = await console.ask("json config explain 10.0.0.5 to :2525 rcpt a@b.example")
        turn = json.loads(text)["conversation"][3]
        assert turn["reply"] == ["250 2.1.5 RCPT TO accepted."]
        assert turn["rule"] == "Relay_Hosts holds the client's address: it may send anywhere"
        assert [option["at"] for option in turn["options"]] == ["set on the console"]


@pytest.mark.parametrize(
    ("typed", "status", "answer"),
    [
        ("config explain", "error", f"who connects? usage: {WHO}"),
        ("config explain foo", "error", f"'foo' is no address, no endpoint and no keyword. Usage: {WHO}"),
        ("config explain 'a", "error", "a quote stays open, or ends within a word"),
        (
            "config explain domain x.example option messge_expiration",
            "error",
            ("nothing asked about here reads an option 'messge_expiration'; did you mean Message_Expiration?"),
        ),
        (
            "config explain 192.0.2.1 to 127.0.0.1:2526",
            "error",
            (
                "192.0.2.1 has no session at 127.0.0.1:2526: Listen"
                " 127.0.0.1:2526 (ecelerity.conf:21:3) is disabled: Enable = false at ecelerity.conf:22:5 (Listen"
                ' "127.0.0.1:2526")'
            ),
        ),
        (
            "config explain domain example.net option message_expiration",
            "ok",
            (
                "Message_Expiration = 900\n"
                '  1  900    ecelerity.conf:7:3  Domain "example.net"\n'
                "  2  86400  ecelerity.conf:3:1  Global\n"
                "  the first holds, the others are overridden"
            ),
        ),
    ],
)
async def test_short_answers(typed: str, status: str, answer: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        assert await host.ask(typed) == (status, f"{answer}\n")


async def test_completion(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console = await host.connect()
        for line, expected in (
            (
                "config explain 10.0.0.5 ",
                ("auth", "command", "ehlo", "from", "helo", "option", "rcpt", "role", "to", "user"),
            ),
            ("config explain d", ("domain",)),
            ("config explain domain x.example b", ("binding",)),
            ("config explain 10.0.0.5 to 127", ("127.0.0.1:2526",)),
            ("config explain 10.0.0.5 option open", ("Open_Relay",)),
        ):
            assert (await console.complete(line))[1] == expected, line


@pytest.mark.parametrize("form", ["", "json "])
async def test_no_secret_is_seen(form: str, tmp_path: Path) -> None:
    secret = "s3cret-canary"
    async with console_host(
        tmp_path / "control", more=f'Domain "d.example" {{ Outbound_SMTP_AUTH_Pass = {secret} }}'
    ) as host:
        for words in ("domain d.example", "domain d.example option outbound_smtp_auth_pass", "10.0.0.5 to :2525"):
            status, text = await host.ask(f"{form}config explain {words}")
            assert (status, secret in text) == ("ok", False)


CONSOLES = """
Authorization {
  Role "admin" { allow = ( "^pid$" "^config" ) }
  Role "ann" { allow = ( "^config explain" ) }
}
"""
OPTIONS = """Enable_Authorization = true AuthorizationParameters = [ uri = "groups:///etc/groups" ]
  Listen "127.0.0.1:2026" {
    AuthDigestMD5Parameters = [ uri = "digest:///etc/digests" ]
    Peer 127.0.0.1 { Always_Deny = true }
  }
"""


@pytest.mark.parametrize(
    ("asked", "console"),
    [
        (
            'unix to %(endpoint)s user ann role admin command "config set http_basic_auth s3cret"',
            """\
  let in as ann whom the operating system names
      Always_Deny = 0  default
  his roles are ann, and those that groups:///etc/groups gives him when he asks
  > config set http_basic_auth ***
    allowed by Role "admin": its pattern ^config is found in it (ecelerity.conf:37:18)
      Role "ann"    ecelerity.conf:38:3
      Role "admin"  ecelerity.conf:37:3
      Enable_Authorization = true  ecelerity.conf:27:3  Control_Listener
""",
        ),
        (
            "unix to %(endpoint)s user bob command shutdown",
            """\
  let in as bob whom the operating system names
      Always_Deny = 0  default
  his roles are bob, and those that groups:///etc/groups gives him when he asks
  > shutdown
    refused (Not Authorized for this command): no Role of bob allows it
      Role "bob"  not defined
      Enable_Authorization = true  ecelerity.conf:27:3  Control_Listener
""",
        ),
        (
            "127.0.0.1 to 127.0.0.1:2026 user ann",
            """\
  turned away: Always_Deny holds for this peer
      Always_Deny = true  ecelerity.conf:30:22  Peer "127.0.0.1" in Listen "127.0.0.1:2026"
""",
        ),
        (
            "192.0.2.1 to 127.0.0.1:2026",
            """\
  let in once he proves who he is, by DIGEST-MD5
      Always_Deny = 0                                              default
      Always_Allow = 0                                             default
      Enable_Authentication = none                                 default
      AuthDigestMD5Parameters = [ uri = "digest:///etc/digests" ]  ecelerity.conf:29:5  Listen "127.0.0.1:2026"
      AuthCramMD5Parameters = none                                 default
      AuthLoginParameters = none                                   default
""",
        ),
    ],
)
async def test_who_may_enter_a_console_and_say_what(asked: str, console: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", OPTIONS, more=CONSOLES) as host:
        status, text = await host.ask(f"config explain {asked % {'endpoint': host.endpoint}}")
        assert status == "ok"
        told = text.partition("\nAt the console he is\n")[2].partition("\n\n")[0]
        assert f"{told}\n" == console
