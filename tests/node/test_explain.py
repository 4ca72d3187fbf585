"""``ec_explain``: what is typed, the exact text, and what no explanation may show."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from momentum_trio.cli import ec_explain
from momentum_trio.config.check import LISTENER_KINDS
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.config.suspension_options import SuspensionOptions
from momentum_trio.delivery.delivery_options import METHOD_WORDS
from momentum_trio.listener.esmtp import KIND
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import LOOPBACK, parse_address
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.explanation.inbound import CEILING_REPLY, OF_SESSIONS
from momentum_trio.node.explanation.outbound import BUILT, OF_THE_MAIL, OF_THE_WAY
from momentum_trio.node.explanation.place import SERVICES
from momentum_trio.node.explanation.question import Inbound, Outbound, parse
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.tables import BUILT_METHODS, LISTENERS
from momentum_trio.reception.reception_options import ReceptionOptions

SCHEMA = Schema.load(DECLARED)
MX = """
Hostname = "mx.example.com"
Relay_Domains = ( "example.com" "*.example.com" )
include "customers.conf"

Domain "example.com" {
  Delivery_Method = LMTP
  Gateway = "10.0.0.9:24"
}

ESMTP_Listener {
  Idle_Time = 120
  Listen ":25" {
    Listener_Sessions = 500
    Peer "192.0.2.0/24" {
      Max_Recipients_Per_Message = 2
      Idle_Time = 30
    }
    Peer "192.0.2.64/26" { Relay_Hosts = ( 192.0.2.70 ) }
  }
  Listen "127.0.0.1:587" { Enable = false }
}
Control_Listener { Listen "/run/ecelerity/control" { } }
""".lstrip()
CUSTOMERS = """
Binding_Group "news" {
  Outbound_Throttle_Messages = 600/60
  Scope_Max_Outbound_Connections = 50
  Binding "n1" { Domain "slow.example" { Outbound_Throttle_Messages = 1/10 } }
  Binding "n2" { }
}
""".lstrip()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mx.conf").write_text(MX)
    (tmp_path / "customers.conf").write_text(CUSTOMERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def up_to(head: str, text: str) -> str:
    return text.partition(f"\n{head}")[0]


SESSION = """\
192.0.2.7 connects to *:25: accepted by Listen ":25" of ESMTP_Listener, mx.conf:12:3

Asked for each option, most specific first
  1  Peer "192.0.2.0/24" in Listen ":25"  mx.conf:14:5
  2  Listen ":25"                         mx.conf:12:3
  3  ESMTP_Listener                       mx.conf:10:1
  4  Global

Peers
  holds him                    Peer "192.0.2.0/24" in Listen ":25"   mx.conf:14:5
  no: 25 of its 26 bits agree  Peer "192.0.2.64/26" in Listen ":25"  mx.conf:18:5

The session
  < 220 mx.example.com ESMTP momentum-trio 0.1.0 DATE
        Hostname = "mx.example.com"  mx.conf:1:1  Global
  > EHLO [192.0.2.7]
  < 250-mx.example.com says EHLO to 192.0.2.7
  < 250-PIPELINING
  < 250 8BITMIME
  > MAIL FROM:<ann@example.net>
  < 250 2.1.0 MAIL FROM accepted
      passed authenticated, receptions_per_connection, bound, null_reverse_path, sender
  > RCPT TO:<bob@example.com>
  < 250 2.1.5 RCPT TO accepted.
      Relay_Domains holds the recipient's domain: anyone may send to it
      by its item example.com
        Relay_Domains = ( "example.com" "*.example.com" )  mx.conf:2:1  Global
      it goes by LMTP to 10.0.0.9:24, by binding default
        Delivery_Method = "LMTP"  mx.conf:6:3  Domain "example.com"
        Gateway = "10.0.0.9:24"   mx.conf:7:3  Domain "example.com"
  > RCPT TO:<carl@example.org>
  < 550 5.7.1 relaying denied
      refused by relay: no rule lets this client send to this domain
        Relay_Domains = ( "example.com" "*.example.com" )  mx.conf:2:1  Global
        Bounce_Domains = ( )                               default
        Open_Relay = 0                                     default
        Relay_Hosts = ( )                                  default
        Relay_For_Sending_Domains = ( )                    default
  > DATA
  < 354 continue.  finished with "\\r\\n.\\r\\n"

Content is judged by
  smtp: its size, NUL octets, CR and LF apart
      Max_Message_Size = 0                  default
      RFC2822_Lone_LF_In_Body = "pedantic"  default
  headers: RFC2822_Missing_Headers: content must begin with a header section, and its lines be fields.
      RFC2822_Missing_Headers = "reject"  default
  date: RFC2822_Date_Header = pedantic: a Date field is required.
      RFC2822_Date_Header = "ifneeded"  default
  loop: More than max_received_headers Received fields (mail_loop): refused (RFC 5321 section 6.3).
      max_received_headers = 20  default

Depends on the moment
  the sessions of Listen ":25": when there are 500, 421 4.4.5 Service unavailable, concurrency limit reached
      Listener_Sessions = 500  mx.conf:13:5  Listen ":25"
  descriptors: when they are all in use, 421 4.4.5 Service unavailable, concurrency limit reached
  what this connection has brought so far: this is taken for its first message
  the spool: 452 4.3.1 insufficient system storage when it is full, 451 4.3.0 transaction failed when it is sick

Options that are set
  Hostname = "mx.example.com"                        mx.conf:1:1   Global
  Idle_Time = 30                                     mx.conf:16:7  Peer "192.0.2.0/24" in Listen ":25"  (over 1 wider)
  Listener_Sessions = 500                            mx.conf:13:5  Listen ":25"
  Max_Recipients_Per_Message = 2                     mx.conf:15:7  Peer "192.0.2.0/24" in Listen ":25"
  Relay_Domains = ( "example.com" "*.example.com" )  mx.conf:2:1   Global
"""
MAIL = """\
Mail to slow.example by binding news/n1 goes by ESMTP to the hosts that DNS has for it (MX, else its own address), \
port 25
  Delivery_Method = "ESMTP"  default

Asked for each option, most specific first
  1  Domain "slow.example" in Binding "n1" in Binding_Group "news"  customers.conf:4:18
  2  Binding "n1" in Binding_Group "news"                           customers.conf:4:3
  3  Binding_Group "news"                                           customers.conf:1:1
  4  Global

Throttles and limits
  Outbound_Throttle_Messages = 1/10  customers.conf:4:42  Domain "slow.example" in Binding "n1" \
in Binding_Group "news"  (over 1 wider)
      counts mail to Domain "slow.example" in Binding "n1" in Binding_Group "news"
  Max_Outbound_Connections = 32  default
      counts slow.example in binding news/n1 alone
  Server_Max_Outbound_Connections = 20000  default
      counts all mail of this host; its open files may be fewer
  Scope_Max_Outbound_Connections = 50  customers.conf:3:3  Binding_Group "news"
      counts all mail of Binding_Group "news" for which nothing more specific sets one
"""


DISABLED = 'Listen 127.0.0.1:587 (mx.conf:20:3) is disabled: Enable = false at mx.conf:20:28 (Listen "127.0.0.1:587")'
NO_OPTION = "nothing asked about here reads an option"
NOBODY = "no Listen that his family reaches is there for :25"


def told(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    """What the tool prints."""
    assert ec_explain.main(["-c", "mx.conf", *words]) == status
    said = capsys.readouterr()
    return said.err if status == 2 else said.out


def test_a_session(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "192.0.2.7 to :25 from ann@example.net rcpt bob@example.com rcpt carl@example.org"
    assert up_to("Options at their default", told(capsys, *words.split())) == SESSION


def test_mail_to_a_domain(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "domain", "Slow.Example.", "binding", "news/n1")
    assert up_to("Options that are set", text) == MAIL
    assert up_to("Options that are set", told(capsys, "domain", "slow.example", "bin", "n1")) == MAIL
    gateway = told(capsys, "domain", "example.com")
    assert "The conversation has the options of 10.0.0.9; asked are\n  1  Global\n" in gateway


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (
            "192.0.2.7 option idle_time",
            0,
            "\n".join(
                (
                    "Idle_Time = 30",
                    '  1  30   mx.conf:16:7  Peer "192.0.2.0/24" in Listen ":25"',
                    "  2  120  mx.conf:11:3  ESMTP_Listener",
                    "  the first holds, the others are overridden\n",
                )
            ),
        ),
        ("192.0.2.7 option open_relay", 0, "Open_Relay = 0  (the default: no scope that is asked sets it)\n"),
        (
            "192.0.2.7 option opn_relay",
            2,
            f"ec_explain: {NO_OPTION} 'opn_relay'; did you mean Open_Relay?\n",
        ),
        ("domain x.example option tls", 0, 'TLS = "no"  (the default: no scope that is asked sets it)\n'),
        ("domain x.example binding n3", 2, "ec_explain: there is no Binding 'n3'\n"),
        (
            "127.0.0.1 to 127.0.0.1:587",
            1,
            f"127.0.0.1 has no session at 127.0.0.1:587: {DISABLED}\n",
        ),
        (
            "2001:db8::1 to :25",
            1,
            f"2001:db8::1 has no session at *:25: {NOBODY}\n",
        ),
        (
            "http 192.0.2.7 to :25",
            1,
            f"192.0.2.7 has no session at *:25: {NOBODY}\n",
        ),
    ],
)
def test_short_answers(
    words: str, status: int, expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, *words.split(), status=status) == expected


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(told(capsys, "--format", "json", "192.0.2.70", "rcpt", "x@other.example"))
    turn = data["conversation"][3]
    assert (turn["said"], turn["reply"]) == ("RCPT TO:<x@other.example>", ["250 2.1.5 RCPT TO accepted."])
    assert turn["rule"] == "Relay_Hosts holds the client's address: it may send anywhere"
    assert turn["note"] == "by its item 192.0.2.70"
    assert [check["check"] for check in turn["checks"]][-2:] == ["relay", "blackhole"]
    (relay_hosts,) = turn["options"]
    assert (relay_hosts["value"], relay_hosts["at"]) == (["192.0.2.70"], "mx.conf:18:28")
    assert [peer["holds"] for peer in data["peers"]] == [True, True]


def test_a_bad_file_and_a_file_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mx.conf").write_text("Hostnam = x\n")
    assert told(capsys, "192.0.2.7", status=2).startswith("mx.conf:1:1: Hostnam: ")
    (folder / "mx.conf").unlink()
    assert "mx.conf" in told(capsys, "192.0.2.7", status=2)


def test_it_needs_no_trio(folder: Path) -> None:
    program = (
        "import sys\n"
        "from momentum_trio.cli import ec_explain\n"
        "ec_explain.main(['-c', 'mx.conf', '192.0.2.7', 'to', ':25', 'rcpt', 'bob@example.com'])\n"
        "ec_explain.main(['-c', 'mx.conf', 'domain', 'example.com'])\n"
        "sys.exit('trio' in sys.modules)\n"
    )
    root = Path(ec_explain.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(root)}, stdout=-3).returncode == 0


# the words of a question


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("192.0.2.7", Inbound(parse_address("192.0.2.7"))),
        ("peer ::ffff:192.0.2.7", Inbound(parse_address("192.0.2.7"))),
        (":25 192.0.2.7", Inbound(parse_address("192.0.2.7"), local=Endpoint.parse(":25"), anywhere=True)),
        (
            "ESMTP 192.0.2.7 LISTEN 10.0.0.1:25 ehlo a m b@c rec d@e rcp f@g opt Idle_Time",
            Inbound(
                parse_address("192.0.2.7"),
                listener="esmtp_listener",
                local=Endpoint.parse("10.0.0.1:25"),
                hello="EHLO a",
                reverse_path="b@c",
                forward_paths=("d@e", "f@g"),
                option="Idle_Time",
            ),
        ),
        (
            "2001:db8::1 [2001:db8::2]:25",
            Inbound(parse_address("2001:db8::1"), local=Endpoint.parse("[2001:db8::2]:25")),
        ),
        ("/run/in", Inbound(LOOPBACK, by_unix=True, local=Endpoint.parse("/run/in"))),
        ("unix to /run/in", Inbound(LOOPBACK, by_unix=True, local=Endpoint.parse("/run/in"))),
        ("unix", Inbound(LOOPBACK, by_unix=True)),
        ("domain d.example b n o TLS", Outbound("d.example", "n", "TLS")),
    ],
)
def test_questions(words: str, expected: object) -> None:
    assert parse(words.split()) == expected


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "who connects?"),
        ("to :25", "who connects?"),
        ("192.0.2.7 to", "'to' wants a word behind it"),
        ("192.0.2.7 192.0.2.8", "'192.0.2.8' is too much: the peer is 192.0.2.7"),
        ("192.0.2.7 :25 :26", "':26' is too much"),
        ("192.0.2.7 to /run/in", "192.0.2.7 does not connect to /run/in"),
        ("unix to :25", "unix does not connect to *:25"),
        ("mx.example.com", "'mx.example.com' is no address, no endpoint and no keyword"),
        ("192.0.2.7 to :99999", "expected a port"),
        ("domain", "usage: domain DOMAIN"),
        ("domain d.example from x", "'from' is none of binding, option"),
        ("192.0.2.7" + " rcpt a@b" * 51, "at most 50 recipients"),
        ("192.0.2.7 " * 201, "at most 200 words"),
        ("192.0.2.7 from " + "a" * 1001, "of 1000 characters"),
        ("192.0.2.7 from a\nRCPT", "a word holds no line end"),
    ],
)
def test_bad_questions(words: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse(words.split(" ") if words else ())


def test_several_listens_are_told_apart() -> None:
    tree = load_text(
        'ESMTP_Listener { Listen "10.0.0.1:25" {} Listen "10.0.0.2:25" {} Listen "*:587" {} }\nPathway_Group g {}',
        declared=DECLARED,
        schema=SCHEMA,
    )
    for words in ("192.0.2.7", "192.0.2.7 to :25"):
        with pytest.raises(ValueError, match=re.escape("'to' one of 10.0.0.1:25, 10.0.0.2:25")):
            answer(tree, words.split(), "h")
    assert answer(tree, ("192.0.2.7", "to", ":587"), "h").text.startswith("192.0.2.7 connects to *:587: accepted")


def test_the_page_shows_what_is_printed() -> None:
    page = (Path(ec_explain.__file__).parents[2] / "docs" / "operate.md").read_text("utf-8")
    for text in (up_to("Content is judged by", SESSION), MAIL.partition("Throttles and limits\n")[2]):
        assert textwrap.indent(text.strip("\n"), "    ", lambda line: line.strip() != "") in page


def test_the_nearest_peers_that_do_not_hold_him_and_the_listens_beside() -> None:
    blocks = ["10.0.0.0/9", "10.64.0.0/10", "fd82::/16", *(f"192.0.{number}.0/24" for number in range(5))]
    scopes = " ".join(f'Peer "{block}" {{ }}' for block in blocks)
    text = f'ESMTP_Listener {{ {scopes} Listen ":25" {{ TLS_Allow_Renegotiation = true }} Listen "10.0.0.1:25" {{ }} }}'
    tree = load_text(text, declared=DECLARED, schema=SCHEMA)
    lines = answer(tree, ("10.1.2.3", ":25"), "h").text.splitlines()
    beside = r'  but Listen "10\.0\.0\.1:25" \(ecelerity\.conf:1:\d+\) takes the connections to its own address'
    assert re.fullmatch(beside, lines[1])
    peers = [line.partition(" in ")[0] for line in lines[lines.index("Peers") + 1 :][:7]]
    assert [re.sub("  +", "  ", line) for line in peers] == [
        '  holds him  Peer "10.0.0.0/9"',
        '  no: 9 of its 10 bits agree  Peer "10.64.0.0/10"',
        *(f'  no: 0 of its 24 bits agree  Peer "192.0.{number}.0/24"' for number in range(4)),
        "  and 2 more that do not hold him",
    ]
    assert "Set, but nothing reads it yet" in lines
    assert answer(tree, ("10.1.2.3", "to", "10.0.0.1:25"), "h").text.startswith(
        '10.1.2.3 connects to 10.0.0.1:25: accepted by Listen "10.0.0.1:25" of ESMTP_Listener'
    )


def test_authentication_is_explained() -> None:
    tree = load_text(AUTHENTICATION, declared=DECLARED, schema=SCHEMA)
    refused = answer(tree, ("192.0.2.7", "to", ":587", "from", "a@b.example"), "h").text
    assert "  < 250-AUTH CRAM-MD5\n  < 250 STARTTLS\n" in refused  # no password in clear
    assert "  < 530 5.7.0 authentication required\n      refused by auth: Enable_Authentication wants" in refused
    assert "        Enable_Authentication = true  ecelerity.conf:4:3  ESMTP_Listener\n" in refused
    let_in = answer(tree, ("192.0.2.7", "to", ":587", "auth", "ann", "rcpt", "x@elsewhere.example"), "h").text
    assert "  < 250 2.1.5 RCPT TO accepted.\n      SMTP AUTH: the client has proved who it is" in let_in


AUTHENTICATION = """
TLS_Certificate = "/mx.pem"
ESMTP_Listener {
  Enable_Authentication = true
  SMTP_Extensions = ( "AUTH PLAIN" "AUTH CRAM-MD5" STARTTLS )
  AuthPlainParameters = [ uri = "hashed:///hashed" ]
  AuthCramMD5Parameters = [ uri = "file:///file" ]
  Listen ":587" { }
}
"""


# what must not be forgotten when something is added


def test_the_listeners_are_those_there_are() -> None:
    assert set(LISTENER_KINDS) == {kind.key for kind in LISTENERS}
    assert {kind.key: kind.service for kind in LISTENERS} == SERVICES
    assert set(OF_SESSIONS) == set(SERVICES)
    assert KIND.refusal == CEILING_REPLY.octets()


def test_every_option_of_a_session_is_told_of() -> None:
    for listener, groups in OF_SESSIONS.items():
        valid = {option for option in DECLARED if listener in option.scopes}
        assert valid <= {option for group in groups for option in group.declared}


def test_every_way_of_delivery_and_every_group_of_outbound_options_is_told_of() -> None:
    assert set(BUILT_METHODS) == BUILT <= set(METHOD_WORDS)
    valid = {option for option in DECLARED if "domain" in option.scopes}
    groups = {*OF_THE_MAIL, *(group for groups in OF_THE_WAY.values() for group in groups)}
    told_of = {option for group in groups for option in group.declared}
    inbound = {option for option in ReceptionOptions.declared if option in valid}
    assert valid - told_of <= inbound | {*SuspensionOptions.declared}  # of inbound sessions; a part of DeliveryOptions


# secrets

CANARY = "s3cret-canary"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "words",
    ["192.0.2.7 rcpt a@d.example", "domain d.example", "domain d.example option outbound_smtp_auth_pass"],
)
def test_no_secret_is_seen(words: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mx.conf"
    config.write_text(
        f'Outbound_SMTP_AUTH_Pass = "{CANARY}1"\nRelay_Domains = ( d.example )\n'
        f'Domain "d.example" {{ Outbound_SMTP_AUTH_Pass = {CANARY}2 Gateway = 10.0.0.1 }}\n'
        f'Domain "10.0.0.1" {{ Outbound_SMTP_AUTH_Pass = {CANARY}3 }}\n'
        f'ESMTP_Listener {{ Listen ":25" {{ }} }}\n'
    )
    assert ec_explain.main(["-c", str(config), "--format", form, *words.split()]) == 0
    said = capsys.readouterr()
    assert CANARY not in said.out + said.err
    if "option" in words:
        assert "***" in said.out
