"""The commands about queues and messages, typed on the console of a whole, simulated node, and what they do to mail."""

from __future__ import annotations

import pytest
import trio
from simulated_host import Site, console
from test_bounces import reports, send
from transcript import exchanges

from momentum_trio.mail.record import Failed, Imported, ImportResult, Received

CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" "held.example" "dead.example" "other.example" )
Retry_Interval = 600
Domain "example.com" { Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }
Domain "held.example" { Suspend_Delivery = true Gateway = "10.0.0.7" }
Domain "other.example" { Suspend_Delivery = true Gateway = "10.0.0.7" }
Domain "dead.example" { Gateway = "10.0.0.7" }
Domain "10.0.0.7" { MX_Failures_To_Delay = 1 }
Binding "b1" { }
ESMTP_Listener { Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
"""
DEAD = ("<bob@dead.example>", "<carol@dead.example>")
COUNTS = """
> active 0
Domain:                   held.example  C:  0  A:      1  D:     0  S:     0
                                Total:  C:   0  A:      1  D:     2  S:     0
> active 1
                                Total:  C:   0  A:      1  D:     2  S:     0
> delayed 1
Domain:                   dead.example  C:  0  A:      0  D:     2  S:     0
                                Total:  C:   0  A:      1  D:     2  S:     0
> binding active default 0
Domain:                   held.example  C:  0  A:      1  D:     0  S:     0
                                Total:  C:   0  A:      1  D:     2  S:     0
> binding delayed b1 0
                                Total:  C:   0  A:      0  D:     0  S:     0
> domain all
Domain summary:
Domain:                   dead.example  C:  0  A:      0  D:     2  S:     0
Domain:                   held.example  C:  0  A:      1  D:     0  S:     0
Totals: C:   0  A:      1  D:     2  S:     0
> domains
Domain summary:
Domain:                   dead.example  C:  0  A:      0  D:     2  S:     0
Domain:                   held.example  C:  0  A:      1  D:     0  S:     0
Totals: C:   0  A:      1  D:     2  S:     0
> domain dead.example
Domain "dead.example" {
  Gateway = "10.0.0.7"
}
Queue:
        Active:          0
        Delayed:         2
Deliveries:         0
Failures:           0
Active Connections: 0
! domain nowhere.example
Domain 'nowhere.example' is not known here
> mailq
Group/Binding                                       Domain      AQ      DQ
--------------------------------------------------------------------------
default/default                               dead.example       0       2
default/default                               held.example       1       0
> mailq -d held.example nowhere.example -b default
Group/Binding                                       Domain      AQ      DQ
--------------------------------------------------------------------------
default/default                               held.example       1       0
> mailq --limit 1
Group/Binding                                       Domain      AQ      DQ
--------------------------------------------------------------------------
default/default                               dead.example       0       2
> mailq -b b1
Group/Binding                                       Domain      AQ      DQ
--------------------------------------------------------------------------
"""
MESSAGES = """
> showqueue dead.example
[delayed/default] M1 Created: 1767225600
  From: <ann@example.com> To: <bob@dead.example>
[delayed/default] M2 Created: 1767225600
  From: <ann@example.com> To: <carol@dead.example>
> showqueue binding all dead.example 1,1
[delayed/default] M2 Created: 1767225600
  From: <ann@example.com> To: <carol@dead.example>
> showqueue binding b1 dead.example
> showqueue held.example
[active/default] M3 Created: 1767225600
  From: <ann@example.com> To: <dan@held.example>
> message details M1
Message: M1
Message Type: full message
               Created: 2026-01-01 00:00:00
          Next Attempt: 2026-01-01 00:10:00
               Retries: 1
          Received Via: SMTP 10.0.0.7 (IPv4)
                Sender: ann@example.com
             Recipient: bob@dead.example
                  Code: 451 4.4.1 [internal] No valid hosts (unable to make any connections): Error connecting to \
('10.0.0.7', 25): Connection refused
                  Size: 329
! message details half M1
usage: message details [full|body] ID
! message details 00/00-00000-00000000
There is no message 00/00-00000-00000000
> spool_in M1
Message M1 is already in the queue
> message retry M3
Message is in the active queue
> message fail M1
Message M1 failed
! message fail M1
There is no message M1
> message fail quiet M2
Message M2 failed
"""
BINDINGS = """
> binding summary b1
Summary Statistics For Binding b1
        Open Connections:       0
        Active Queue Size:      0
        Total Queue Size:      0
        Successfully Delivered Messages:      0
        Failed Messages:      0
        Received Messages:      0
        Resident Messages:      0
        Delivery Rate:   0.00 messages/second
        Reception Rate:   0.00 messages/second
        Uptime:     60 seconds
> binding summary group:default
Summary Statistics For Binding b1 in Binding Group default
        Open Connections:       0
        Active Queue Size:      0
        Total Queue Size:      0
        Successfully Delivered Messages:      0
        Failed Messages:      0
        Received Messages:      0
        Resident Messages:      0
        Delivery Rate:   0.00 messages/second
        Reception Rate:   0.00 messages/second
        Uptime:     60 seconds
Summary Statistics For Binding default in Binding Group default
        Open Connections:       0
        Active Queue Size:      1
        Total Queue Size:      3
        Successfully Delivered Messages:      0
        Failed Messages:      0
        Received Messages:      3
        Resident Messages:      1
        Delivery Rate:   0.00 messages/second
        Reception Rate:   0.05 messages/second
        Uptime:     60 seconds
********************************************
Summary Statistics For Binding Group default
        Open Connections:       0
        Active Queue Size:      1
        Total Queue Size:      3
        Successfully Delivered Messages:      0
        Failed Messages:      0
        Received Messages:      3
        Incore Messages:      1
        Delivery Rate:   0.00 messages/second
        Reception Rate:   0.05 messages/second
        Uptime:     60 seconds
! binding summary nowhere
There is no such binding: nowhere
! binding summary 7
There is no such binding: 7
"""
QUEUES = """
> flush domain nowhere.example
nowhere.example flushed.  0 messages requeued.
> binding flush domain b1 all
All domains flushed.  0 messages requeued.
> flush domain dead.example
dead.example flushed.  2 messages requeued.
> reroute queue dead.example other.example
Moved 2 messages from 'dead.example' to 'other.example'
> config set esmtp_listener outbound_binding b1
        Outbound_Binding = b1
> rebind default held.example
Rebound 1 messages.
> rebind all
Rebound 2 messages.
> rebind all
Rebound 0 messages.
> mailq
Group/Binding                                       Domain      AQ      DQ
--------------------------------------------------------------------------
default/b1                                    held.example       1       0
default/b1                                   other.example       0       2
> binding fail domain b1 held.example never mind
held.example purged, 1 messages failed.
> binding fail domain quiet b1 all 550 Bob says so
All domains purged.  2 messages failed.
> fail domain all
All domains purged.  0 messages failed.
"""
WRONG = """
! active
usage: active THRESHOLD
! active -1
usage: active THRESHOLD
! binding delayed 3
usage: binding delayed BINDING THRESHOLD
! binding active B1 0
There is no such binding: B1
! binding delayed b2/b1 0
There is no such binding: b2/b1
! mailq -b default -b nowhere
There is no such binding: nowhere
! showqueue binding nowhere held.example
There is no such binding: nowhere
! binding flush domain nowhere all
There is no such binding: nowhere
! binding fail domain quiet B1 all
There is no such binding: B1
! rebind B1
There is no such binding: B1
! domain
usage: domain DOMAIN|all
! mailq held.example
usage: mailq [-d DOMAIN ...] [-b BINDING ...] [-l NUMBER]
! mailq -l many
usage: mailq [-d DOMAIN ...] [-b BINDING ...] [-l NUMBER]
! mailq -d
usage: mailq [-d DOMAIN ...] [-b BINDING ...] [-l NUMBER]
! showqueue
usage: showqueue [binding BINDING|all] DOMAIN [MAXIMUM,OFFSET]
! showqueue held.example 1,x
usage: showqueue [binding BINDING|all] DOMAIN [MAXIMUM,OFFSET]
! fail domain
usage: fail domain [quiet] DOMAIN|all
! fail domain quiet
usage: fail domain [quiet] DOMAIN|all
! fail domain held.example now
usage: fail domain [quiet] DOMAIN|all
! binding fail domain b1
usage: binding fail domain [quiet] BINDING DOMAIN|all [MESSAGE]
! flush domain
usage: flush domain DOMAIN|all
! reroute queue held.example held.example
usage: reroute queue DOMAIN OTHER
! rebind
usage: rebind BINDING|all [DOMAIN]
! spool import etc
usage: spool import DIRECTORY [CONCURRENCY] [suppress_trace_headers]
! spool import /a suppress_trace_headers
usage: spool import DIRECTORY [CONCURRENCY] [suppress_trace_headers]
! spool import_poll /a
/a was not imported
"""


async def three_wait(site: Site) -> list[str]:
    """Two delayed messages and an active one, a minute old; their ids."""
    await send(site, *DEAD)
    await send(site, "<dan@held.example>")
    await trio.sleep(60)
    return [record.message_id for _, record in site.world.records if isinstance(record, Received)]


async def ask(site: Site, line: str) -> tuple[str, str]:
    """The mark and the answer of a command."""
    try:
        return ">", await site.mx.call(console, line)
    except AssertionError as failed:
        return "!", str(failed).partition("\nassert")[0]


@pytest.mark.parametrize(
    "conversation",
    [COUNTS, MESSAGES, BINDINGS, QUEUES, WRONG],
    ids=["counts", "messages", "bindings", "queues", "wrong"],
)
def test_transcript(conversation: str) -> None:
    async def story(site: Site) -> None:
        ids = {f"M{number}": message_id for number, message_id in enumerate(await three_wait(site), 1)}
        for mark, typed, expected in exchanges(conversation):
            for name, message_id in ids.items():
                typed, expected = typed.replace(name, message_id), expected.replace(name, message_id)
            assert await ask(site, typed) == (mark, expected), typed

    Site().run(CONFIG, story)


def told(site: Site) -> list[str]:
    """The reasons of failures for good in the log."""
    return [record.reason for _, record in site.world.records if isinstance(record, Failed) and record.permanent]


@pytest.mark.parametrize(
    ("command", "logged", "reported"),
    [
        ("message fail M1", ["554 manually failed."], ["554 manually failed."]),
        ("message fail quiet M1", ["554 manually failed."], []),
        (
            "fail domain dead.example",
            ["554 5.7.0 [internal] Message manually purged"] * 2,
            ["554 Message manually purged."],
        ),
        ("fail domain quiet dead.example", ["554 5.7.0 [internal] Message manually purged"] * 2, []),
        ("binding fail domain default all 550 gone", ["550 gone"] * 3, ["550 gone"] * 2),
        ("binding fail domain default held.example so it is", ["554 so it is"], ["554 so it is"]),
        ("binding fail domain quiet default all away", ["554 away"] * 3, []),
    ],
)
def test_mail_that_an_operator_gives_up_is_reported_unless_quietly(
    command: str, logged: list[str], reported: list[str]
) -> None:
    async def story(site: Site) -> None:
        first, *_ = await three_wait(site)
        await site.mx.call(console, command.replace("M1", first))
        await trio.sleep(5)
        assert told(site) == logged
        found = await reports(site)  # one of a batch
        assert len(found) == len(reported)
        for report, reason in zip(found, reported, strict=True):
            assert f"Diagnostic-Code: smtp; {reason}\n" in report.as_string()

    Site().run(CONFIG, story)


@pytest.mark.parametrize(
    "command", ["flush domain dead.example", "binding flush domain default all", "message retry M1"]
)
def test_delayed_mail_is_tried_at_once(command: str) -> None:
    async def story(site: Site) -> None:
        first, *_ = await three_wait(site)
        for option in ("Maildir_Path /var/mail/%d/%l", "Delivery_Method MAILDIR"):
            await site.mx.call(console, f"config set domain dead.example {option}")
        await site.moment()
        assert await site.mailbox("bob", "dead.example") == []
        await site.mx.call(console, command.replace("M1", first))
        await trio.sleep(1)
        assert len(await site.mailbox("bob", "dead.example")) == 1
        assert len(await site.mailbox("carol", "dead.example")) == (0 if "message" in command else 1)

    Site().run(CONFIG, story)


def test_where_mail_was_sent_outlives_a_loss_of_power() -> None:
    async def story(site: Site) -> None:
        await three_wait(site)
        await site.mx.call(console, "reroute queue dead.example other.example")
        await site.mx.call(console, "config set esmtp_listener outbound_binding b1")
        await site.mx.call(console, "rebind default held.example")
        site.mx.power_loss()
        await site.boot()
        assert (await site.mx.call(console, "mailq")).splitlines()[2:] == [
            "default/b1                                    held.example       1       0",
            "default/default                              other.example       0       2",
        ]
        await site.mx.call(console, "config unset domain other.example gateway")
        await site.mx.call(console, "config set domain other.example delivery_method MAILDIR")
        await site.mx.call(console, "config set domain other.example maildir_path /var/mail/%d/%l")
        await site.mx.call(console, "config set domain other.example suspend_delivery false")
        await trio.sleep(700)
        assert len(await site.mailbox("bob", "dead.example")) == 1

    Site().run(CONFIG, story)


def test_listeners_that_differ_make_rebind_refuse() -> None:
    config = CONFIG.replace('Listen ":25" {}', 'Listen ":25" {} Listen ":26" { Outbound_Binding = b1 }')

    async def story(site: Site) -> None:
        await three_wait(site)
        mark, text = await ask(site, "rebind all")
        assert mark == "!"
        assert text.startswith("Outbound_Binding is not the same for all listeners")

    Site().run(config, story)


def test_the_spool_of_another_life_is_imported() -> None:
    async def story(site: Site) -> None:
        await three_wait(site)
        site.mx.power_loss()
        await site.configure(CONFIG.replace("/ecelerity", "/another"))
        await site.boot()
        assert (await ask(site, "mailq"))[1].count("\n") == 2
        assert await ask(site, "spool import /var/spool/ecelerity 4") == (">", "Importing /var/spool/ecelerity\n")
        await trio.sleep(5)
        done = "/var/spool/ecelerity: done: 3 messages taken over, 0 left\n"
        assert await ask(site, "spool import_poll /var/spool/ecelerity") == (">", done)
        assert (await site.mx.call(console, "mailq")).splitlines()[2:] == [
            "default/default                               dead.example       0       2",
            "default/default                               held.example       1       0",
        ]
        imported = [record.result for _, record in site.world.records if isinstance(record, Imported)]
        assert imported == [ImportResult.TAKEN] * 3
        assert (await ask(site, "spool import /var/spool/another"))[0] == ">"
        await trio.sleep(5)
        assert "failed" in (await ask(site, "spool import_poll /var/spool/another"))[1]

    Site().run(CONFIG, story)


OUTSIDE = "is not below /var/spool: the console may touch no other files (Spool_Import_Directories)"


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ("/srv/another", f"/srv/another {OUTSIDE}"),
        ("/var/spool/../../srv/another", f"/srv/another {OUTSIDE}"),
        ("/var/spool", f"/var/spool {OUTSIDE}"),
        ("/var/spool/link", "failed: /var/spool/link is no spool: [Errno 20] Not a directory"),
        ("/var/spool/link/another", "failed: /var/spool/link/another is no spool: [Errno 20] Not a directory"),
        ("/var/spool/inner", "failed: /var/spool/inner/content: Not a directory"),
    ],
)
def test_spools_elsewhere_are_not_imported(directory: str, said: str) -> None:
    """Nor what a symbolic link leads to: of a spool, or of a part of one, whose owner would choose what is removed."""

    async def story(site: Site) -> None:
        await three_wait(site)
        site.mx.power_loss()
        await site.configure(CONFIG.replace("/ecelerity", "/ours"))
        await site.boot()
        store = site.mx.store
        store.put("/srv/another/log/any", b"any")
        store.put("/srv/victim/00000001.1.1", b"any")
        store.put("/var/spool/inner/log/any", b"any")
        store.make_link("/var/spool/link", "/srv/another")
        store.make_link("/var/spool/inner/content", "/srv/victim")
        before = store.files("/srv")
        mark, text = await ask(site, f"spool import {directory}")
        if mark == ">":
            await trio.sleep(5)
            _, text = await ask(site, f"spool import_poll {directory}")
        assert said in text
        assert store.files("/srv") == before
        assert "another" not in (await ask(site, "mailq"))[1]

    Site().run(CONFIG, story)


def test_spools_are_imported_from_the_folders_that_are_configured() -> None:
    async def story(site: Site) -> None:
        await three_wait(site)
        site.mx.power_loss()
        await site.configure(CONFIG.replace("/ecelerity", "/ours") + "Spool_Import_Directories = ( /srv ../spool )\n")
        await site.boot()
        assert (await ask(site, "spool import /srv/none"))[0] == ">"
        assert (await ask(site, "spool import /var/spool/ecelerity"))[0] == ">"
        await trio.sleep(5)
        assert "done: 3 messages" in (await ask(site, "spool import_poll /var/spool/ecelerity"))[1]
        (refused,) = [await ask(site, "config set spool_import_directories /")]
        assert "takes effect with the next start" in refused[1]
        assert (await ask(site, "spool import /etc/any"))[0] == "!"

    Site().run(CONFIG, story)
