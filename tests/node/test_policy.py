"""Policy of users on a whole node: what each phase may say, what it sees, and that its faults cost nobody a message."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from simulated_host import Site, console, write_file

from momentum_trio.config.load import load_text
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import ChangeMode
from momentum_trio.mail.record import Panic, Record, Rejected
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.policy.plugin import FAULT, watched

T = TypeVar("T")

MODULE = "/etc/policy/site.py"
IMPORTS = "from momentum_trio.reception.policy import *\n"
CONFIG = """
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" { Delivery_Method = Maildir  Maildir_Path = "/var/mail/%d/%l" }
policy "site" { module = "/etc/policy/site.py" timeout = 3 }
Binding "slow" {}
ESMTP_Listener { Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
"""
OPENING = ("EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<c@example.com>", "DATA")
CONTENT = "Subject: x\r\nDate: Tue, 1 Jan 2019 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n."


class Policy(Site):
    """A site whose node asks one module. records: all of the node's."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    @property
    def panics(self) -> list[str]:
        return [record.text for record in self.records if isinstance(record, Panic)]

    @property
    def rejected(self) -> list[Rejected]:
        return [record for record in self.records if isinstance(record, Rejected)]

    async def write(self, text: str, mode: int = 0o644) -> None:
        await self.mx.call(write_file, MODULE, (IMPORTS + text).encode())
        await self.mx.call(change_mode, MODULE, mode)

    async def codes(self, *lines: str) -> list[str]:
        """The first line of each reply, enhanced code and all, from EHLO on."""
        return [reply.partition("\n")[0] for reply in (await self.talk(*lines))[1:]]


async def change_mode(machine: Machine, path: str, mode: int) -> None:
    await machine.disk.perform([ChangeMode(path, mode)])


def told(module: str, story: Callable[[Policy], Awaitable[T]], config: str = CONFIG) -> T:
    """The *story* of a site with *module*."""
    site = Policy()

    async def main() -> T:
        await site.write(module)
        await site.configure(config)
        await site.boot()
        site.life.machine.events.subscribe(site.records.append)
        return await story(site)

    return site.world.run(main)


def said(module: str, lines: Sequence[str] = (*OPENING, CONTENT)) -> tuple[Policy, list[str]]:
    """What a client that says *lines* is told, from the greeting on; the last line of EHLO's reply stands for all."""
    held: list[Policy] = []

    async def story(site: Policy) -> list[str]:
        held.append(site)
        replies = await site.talk(*lines)
        await trio.sleep(5)
        return [reply.rpartition("\n")[2] for reply in replies]

    replies = told(module, story)
    return held[0], replies


@pytest.mark.parametrize(
    ("module", "place", "reply"),
    [
        ("async def connect(session): return Reject('go away', code=554)", 0, "554 5.7.1 go away"),
        ("async def connect(session): return Disconnect('later')", 0, "421 4.7.0 later"),
        ("async def ehlo(session): return Reject('who?')", 1, "550 5.7.1 who?"),
        ("async def mailfrom(session, mail): return Defer('not now')", 2, "451 4.7.1 not now"),
        ("async def rcptto(session, mail, recipient): return Reject(recipient, enhanced='5.1.1')", 3,
         "550 5.1.1 c@example.com"),
        ("async def data(session, mail, content): return Reject('no')", 5, "550 5.7.1 no"),
        ("async def data_spool(session, mail, content): return Defer('no')", 5, "451 4.7.1 no"),
        ("async def each_rcpt(session, mail, content, recipient): return Reject('no')", 5, "550 5.7.1 no"),
        ("async def set_binding(session, mail): return Reject('no')", 5, "550 5.7.1 no"),
        ("async def set_binding(session, mail): return Bind('nowhere')", 5, f"451 4.3.0 {FAULT.text}"),
        ("async def final_validation(session, mail, content): return Disconnect('no')", 5, "421 4.7.0 no"),
        ("async def mailfrom(session, mail): return None", 2, f"451 4.3.0 {FAULT.text}"),
        ("async def mailfrom(session, mail): return Bind('slow')", 2, f"451 4.3.0 {FAULT.text}"),
        ("async def mailfrom(session, mail): return Discard()", 2, f"451 4.3.0 {FAULT.text}"),
        ("async def ehlo(session): return Continue(message={'a': 'b'})", 1, f"451 4.3.0 {FAULT.text}"),
        ("async def rcptto(session, mail, recipient): return Reject('no\\r\\n250 yes')", 3, f"451 4.3.0 {FAULT.text}"),
        ("async def rcptto(session, mail, recipient): raise SystemExit", 3, f"451 4.3.0 {FAULT.text}"),
        ("import trio\nasync def final_validation(session, mail, content): await trio.sleep_forever()", 5,
         f"451 4.3.0 {FAULT.text}"),
    ],
)  # fmt: skip
def test_each_phase_decides(module: str, place: int, reply: str) -> None:
    site, replies = said(module, (*OPENING, CONTENT)[:place])
    assert replies[-1] == reply
    assert [each[:3] for each in replies[:-1]] == ["220", "250", "250", "250", "354"][:place]
    assert [each.module for each in site.rejected] == ["site"]


def test_faults_are_told_once_with_their_place_and_the_session_goes_on() -> None:
    module = "async def rcptto(session, mail, recipient):\n    return Continue() if 'good' in recipient else 1 / 0\n"

    async def story(site: Policy) -> list[str]:
        lines = [*OPENING[:2], *(f"RCPT TO:<{name}@example.com>" for name in ("bad", "worse", "good")), "DATA", CONTENT]
        return await site.codes(*lines)

    held: list[Policy] = []

    async def kept(site: Policy) -> list[str]:
        held.append(site)
        codes = await story(site)
        await trio.sleep(5)
        assert len(await site.mailbox("good")) == 1
        return codes

    codes = told(module, kept)
    assert [code[:3] for code in codes] == ["250", "250", "451", "451", "250", "354", "250"]
    (panic,) = held[0].panics
    assert f"{MODULE}:3" in panic
    assert "ZeroDivisionError" in panic


def test_a_recipient_that_is_refused_is_not_in_the_message_and_does_not_count() -> None:
    module = """
async def rcptto(session, mail, recipient):
    assert mail.forward_paths[-1] == recipient
    if recipient.startswith('no'):
        return Reject('no', enhanced='')
    return Continue(message={'seen': str(len(mail.forward_paths))})
"""

    async def story(site: Policy) -> None:
        lines = [*OPENING[:2], *(f"RCPT TO:<{name}@example.com>" for name in ("no1", "yes", "no2")), "DATA", CONTENT]
        assert [code[:3] for code in await site.codes(*lines)] == ["250", "250", "550", "250", "550", "354", "250"]
        await trio.sleep(5)
        assert len(await site.mailbox("yes")) == 1
        assert not await site.mailbox("no1") + await site.mailbox("no2")
        assert [dict(each.connection_context).get("message_rcpt_count") for each in site.rejected] == [None, "1"]
        assert [dict(each.message_context).get("seen") for each in site.rejected] == [None, "1"]

    told(module, story)


def test_fields_variables_a_binding_and_a_copy_dropped() -> None:
    module = """
async def ehlo(session):
    return Continue(connection={'hello': session.hello})
async def data(session, mail, content):
    section = await content.header_section()
    return Continue(fields=[('X-Octets', str(len(section))), ('X-Hello', session.variables['hello'])])
async def each_rcpt(session, mail, content, recipient):
    return Discard('not for you') if recipient.startswith('c@') else Continue()
async def set_binding(session, mail):
    return Bind('slow')
"""
    held: list[Record] = []

    async def story(site: Policy) -> None:
        codes = await site.codes(*OPENING[:3], "RCPT TO:<d@example.com>", "DATA", CONTENT)
        assert codes[-1].startswith("250 2.0.0 OK ")
        await trio.sleep(5)
        held.extend(site.records)
        (octets,) = await site.mailbox("d")
        assert b"\nX-Octets: 69\nX-Hello: client.example\nSubject: x\n" in octets
        assert not await site.mailbox("c")

    told(module, story)
    (rejected,) = [each for each in held if isinstance(each, Rejected)]
    assert (rejected.code, rejected.text, rejected.module) == (550, "5.7.1 [internal] not for you", "site")
    assert dict(rejected.message_context)["rcptto_domain"] == "example.com"
    assert dict(rejected.connection_context)["hello"] == "client.example"
    received = [each for each in held if type(each).__name__ == "Received"]
    assert [(each.forward_path, each.binding, each.message_id == each.batch_id) for each in received] == [  # type: ignore[attr-defined]
        ("d@example.com", "slow", True)
    ]


def test_a_message_discarded_is_answered_250_and_is_nowhere() -> None:
    module = "async def data_spool(session, mail, content): return Discard()"

    async def story(site: Policy) -> None:
        assert (await site.codes(*OPENING, CONTENT))[-1] == "250 2.0.0 OK"
        await trio.sleep(5)
        assert not await site.mailbox("c")
        assert [each.text for each in site.rejected] == ["5.7.1 [internal] discarded by policy"]

    told(module, story)


def test_a_hook_that_hangs_costs_its_own_client_time_and_nobody_else() -> None:
    module = "import trio\nasync def mailfrom(session, mail): await trio.sleep_forever()"

    async def story(site: Policy) -> None:
        began = trio.current_time()
        ended: list[float] = []

        async def one(sender: str) -> None:
            codes = await site.codes(OPENING[0], f"MAIL FROM:<{sender}>", *OPENING[2:3])
            assert [code[:3] for code in codes] == ["250", "451", "503"]
            ended.append(trio.current_time() - began)

        async with trio.open_nursery() as clients:
            for number in range(20):
                clients.start_soon(one, f"a{number}@b.example")
        assert all(3 <= seconds < 4 for seconds in ended)
        assert len([text for text in site.panics if "given up" in text]) == 1

    told(module, story)


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("async def connect(session:\n    pass\n", ":2: SyntaxError: "),
        ("import nothing_of_the_kind\n", ":2: ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
        ("x = 1\nraise ValueError('not\\nso')\n", ":3: ValueError: not"),
        ("async def rcpt_to(session, mail, recipient): ...\n", ":2: there is no phase rcpt_to (did you mean rcptto?)"),
        ("def connect(session): ...\n", ":2: connect has to be 'async def'"),
        ("async def mailfrom(session): ...\n", ":2: expected mailfrom(session, mail)"),
        ("x = 1\n", ": no function of it has the name of a phase"),
        ("def configure(arguments): raise KeyError('delay')\nasync def connect(session): ...", ":2: KeyError: 'delay'"),
        ("import sys\nsys.exit(1)\n", ":3: SystemExit: 1"),
    ],
)
def test_a_module_that_cannot_be_policy_refuses_a_reload_with_its_place_and_the_old_one_goes_on(
    module: str, problem: str
) -> None:
    async def story(site: Policy) -> None:
        await site.write(module)
        answer = await site.mx.call(console, "config reload", may_fail=True)
        assert f"/etc/ecelerity.conf:6:17: module: {MODULE}{problem}" in answer
        assert (await site.codes(*OPENING[:2]))[-1] == "451 4.7.1 the old one"

    told("async def mailfrom(session, mail): return Defer('the old one')", story)


def test_a_reload_changes_policy_for_sessions_between_their_transactions_and_keeps_what_did_not_change() -> None:
    first = (
        "seen = []\nasync def mailfrom(session, mail):\n    seen.append(1)\n    return Defer(f'first {len(seen)}')\n"
    )

    async def story(site: Policy) -> None:
        assert (await site.codes(*OPENING[:2]))[-1] == "451 4.7.1 first 1"
        await site.mx.call(console, "config set Max_Receptions_Per_Connection 5")
        assert (await site.codes(*OPENING[:2]))[-1] == "451 4.7.1 first 2"
        await site.write(first.replace("first", "second"))
        await site.mx.call(console, "config reload")
        assert (await site.codes(*OPENING[:2]))[-1] == "451 4.7.1 second 1"

    told(first, story)


def test_who_may_write_the_module_and_who_may_name_it() -> None:
    module = "async def mailfrom(session, mail): return Continue()"

    async def story(site: Policy) -> None:
        await site.write(module + "\n", mode=0o666)
        answer = await site.mx.call(console, "config reload", may_fail=True)
        assert "can be written by others" in answer
        answer = await site.mx.call(console, 'config set policy "site" module "/etc/other.py"', may_fail=True)
        assert "it is set in the configuration's files alone" in answer

    told(module, story)


def test_a_bypass_leaves_a_row_out() -> None:
    bypass = CONFIG.replace('Listen ":25" {}', 'Context = [ __bypass_site = "true" who = "us" ] Listen ":25" {}')

    async def story(site: Policy) -> None:
        assert (await site.codes(*OPENING[:2], "RCPT TO:<x@elsewhere.example>"))[-1][:3] == "550"
        assert dict(site.rejected[-1].connection_context)["who"] == "us"

    told("async def mailfrom(session, mail): return Defer('no')", story, bypass)


def test_a_client_that_leaves_and_a_node_that_drains_while_a_hook_runs() -> None:
    module = (
        "import trio\nasync def data_spool(session, mail, content):\n    await trio.sleep(2)\n    return Continue()\n"
    )

    async def story(site: Policy) -> None:
        with trio.move_on_after(1):
            await site.talk(*OPENING, CONTENT)
        codes: list[str] = []

        async def stays() -> None:
            codes.extend(await site.codes(*OPENING, CONTENT))

        async with trio.open_nursery() as clients:
            clients.start_soon(stays)
            await trio.sleep(1)
            await site.mx.call(console, "shutdown")
        assert codes[-1][:3] == "250"

    told(module, story)


def test_the_greylisting_of_the_manual_page() -> None:
    (module,) = re.findall(
        r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs/policy.md").read_text(), re.DOTALL
    )
    config = CONFIG.replace("timeout = 3", 'timeout = 3 arguments = [ delay = "300" keep = "3600" ]')
    known = [*OPENING[:3]]
    other = [*OPENING[:2], "RCPT TO:<d@example.com>"]

    async def story(site: Policy) -> None:
        async def code(lines: list[str]) -> str:
            return (await site.codes(*lines))[-1]

        assert await code(known) == "451 4.7.1 greylisted, please try again later"
        await trio.sleep(299)
        assert (await code(known))[:3] == "451"
        await trio.sleep(2)
        assert (await code(known))[:3] == "250"
        assert (await code(other))[:3] == "451"
        await trio.sleep(3600)
        assert (await code(known))[:3] == "451"
        assert site.panics == []

    told(module, story, config)


def test_a_module_refuses_its_arguments() -> None:
    module = "def configure(arguments): int(arguments['n'])\nasync def connect(session): return Continue()\n"

    async def story(site: Policy) -> None:
        await site.configure(CONFIG.replace("timeout = 3", 'arguments = [ n = "x" ]'))
        answer = await site.mx.call(console, "config reload", may_fail=True)
        assert f"{MODULE}:2: ValueError: invalid literal for int()" in answer

    told(module, story, CONFIG.replace("timeout = 3", 'arguments = [ n = "1" ]'))


def test_who_has_proved_who_he_is_may_still_be_told_no() -> None:
    module = """
async def auth(session):
    return Reject('not today', code=535, enhanced='5.7.8') if session.user == 'bob' else Continue()
async def mailfrom(session, mail):
    return Defer(f'{session.user} {session.mechanism} {session.may_relay}')
"""
    offers = 'SMTP_Extensions = ( "AUTH PLAIN" ) AuthPlainParameters = [ uri = "file:///etc/users" ]'
    config = CONFIG.replace("ESMTP_Listener {", f"ESMTP_Listener {{ SMTP_AUTH_In_Clear = true {offers}")

    async def story(site: Policy) -> None:
        await site.mx.call(write_file, "/etc/users", b"ann:x\nbob:x\n")

        async def code(user: str) -> tuple[str, str]:
            initial = base64.b64encode(f"\0{user}\0x".encode()).decode()
            return tuple((await site.codes(OPENING[0], f"AUTH PLAIN {initial}", OPENING[1]))[1:])  # type: ignore[return-value]

        assert await code("ann") == ("235 2.7.0 authentication succeeded", "451 4.7.1 ann PLAIN True")
        assert await code("bob") == ("535 5.7.8 not today", "451 4.7.1   False")

    told(module, story, config)


def test_lists_are_asked_through_the_nodes_own_resolver_and_remembered() -> None:
    zone = "$ORIGIN bl.example.\n$TTL 300\n@ SOA ns.example. a.example. 1 1 1 1 60\n7.0.0.10 A 127.0.0.2\n"
    config = CONFIG.replace("ESMTP_Listener {", 'ESMTP_Listener { DNSBL_Zones = ( "bl.example" ) HELO_Not_Ours = true')
    site = Policy()

    async def main() -> None:
        ns = site.world.host("ns", "10.0.0.53")
        site.mx.nameservers = ["10.0.0.53"]
        nameserver = await site.world.nameserver(ns, zone)
        await site.write("async def mailfrom(session, mail): raise AssertionError('a list had decided')")
        await site.configure(config)
        await site.boot()
        for _ in range(2):
            codes = await site.codes("EHLO mx.example", *OPENING[:2])
            assert codes[0] == "550 5.7.1 you are not this host"
            assert codes[2] == "550 5.7.1 10.0.0.7 is listed by bl.example"
        assert [asked.name.rstrip(".") for asked in nameserver.asked].count("7.0.0.10.bl.example") == 1

    site.world.run(main)


def test_reloads_while_clients_send_and_hooks_wait() -> None:
    """Each message is answered by one of the two modules or taken; none is lost, and no session ends by it."""
    module = (
        "import trio\nasync def rcptto(session, mail, recipient):\n    await trio.sleep(0.3)\n    return Continue()\n"
    )

    async def story(site: Policy) -> None:
        taken: list[str] = []

        async def client(number: int) -> None:
            lines = (*OPENING[:2], f"RCPT TO:<u{number}@example.com>", "DATA", CONTENT)
            codes = await site.codes(*lines, *lines[1:], "QUIT")
            assert [code[:3] for code in codes] == ["250", *["250", "250", "354", "250"] * 2, "221"]
            taken.extend([f"u{number}"] * 2)

        async with trio.open_nursery() as clients:
            for number in range(10):
                clients.start_soon(client, number)
            for version in range(8):
                await site.write(f"{module}# {version}\n")
                await site.mx.call(console, "config reload")
                await trio.sleep(0.1)
        await trio.sleep(5)
        for user in set(taken):
            assert len(await site.mailbox(user)) == 2

    told(module, story)


def test_a_hook_that_does_not_await_is_named() -> None:
    clock = iter(range(0, 10**9, 150_000))

    async def computes() -> str:
        await trio.lowlevel.checkpoint()
        return "done"

    told_of: list[float] = []

    async def main() -> object:
        return await watched(computes(), lambda: next(clock), told_of.append)

    assert trio.run(main) == "done"
    assert told_of == [0.15, 0.15]


async def _cleans_up(log: list[str]) -> None:
    try:
        await trio.sleep_forever()
    finally:
        log.append("cleaned up")


def test_cancellation_goes_through_the_watch() -> None:
    log: list[str] = []

    async def main() -> bool:
        with trio.move_on_after(0.01) as limit:
            await watched(_cleans_up(log), lambda: 0, lambda seconds: None)
        return limit.cancelled_caught

    assert trio.run(main)
    assert log == ["cleaned up"]


def test_an_explanation_names_the_rows_and_runs_no_module() -> None:
    config = CONFIG.replace(
        "ESMTP_Listener {", 'ESMTP_Listener { DNSBL_Zones = ( "bl.example=127.0.0.2" ) HELO_Qualified = true'
    )
    tree = load_text(config, declared=DECLARED)
    text = answer(tree, ["10.0.0.7", "from", "a@b.example"], "mx.example").text
    assert "A session asks besides\n  dnsbl in mailfrom: bl.example=127.0.0.2\n  site in the phases that" in text
    refused = answer(tree, ["10.0.0.7", "ehlo", "client"], "mx.example").text
    assert "refused by helo" in refused
