"""Milters of a whole node: what they are told, what they may change, and that no fault of theirs costs a message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

import pytest
import trio
from milter_server import (
    ACCEPT,
    ALL_MUTE,
    CLOSE,
    DISCARD,
    LEADING_SPACE,
    NO_BODY,
    NO_CONNECT,
    NO_DATA,
    NO_EOH,
    NO_HEADERS,
    NO_HELLO,
    NO_MAIL,
    NO_RCPT,
    PROGRESS,
    REJECT,
    SILENCE,
    SKIP,
    TEMPFAIL,
    Answer,
    MilterServer,
    Said,
    packets_of,
    texts,
)
from simulated_host import Site, console, read_reply, send_all, write_file

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.limits.local import LocalState
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import ListDirectory
from momentum_trio.mail.record import Panic, Record
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.policy.milter import Milters

T = TypeVar("T")

CONFIG = """
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Large_Message_Threshold = 20000
Domain "example.com" { Delivery_Method = Maildir  Maildir_Path = "/var/mail/%d/%l" }
milter "sieve" { address = "10.0.0.7:7357"  connect_timeout = 3  command_timeout = 4  content_timeout = 5 MORE }
ESMTP_Listener { Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
"""
ENVELOPE = ("EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<c@example.com>")
OPENING = (*ENVELOPE, "DATA")
HEADER = "Subject: x\r\nDate: Tue, 1 Jan 2019 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n"
CONTENT = f"{HEADER}\r\nhello\r\n."
GOOD = (*OPENING, CONTENT)
AWAY = "451 4.3.0 mail filter not available, please try later"


class Filtered(Site):
    """A site whose node asks one milter, which runs on the client's host. made: a server for each connection."""

    def __init__(self, make: Callable[[], MilterServer]) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.made: list[MilterServer] = []
        self._make = make
        self.family: int = trio.socket.AF_INET
        self.at: tuple[str, int] | str = ("10.0.0.7", 7357)

    @property
    def panics(self) -> list[str]:
        return [record.text for record in self.records if isinstance(record, Panic)]

    async def codes(self, *lines: str) -> list[str]:
        """The last line of each reply, from the greeting on."""
        return [reply.rpartition("\n")[2] for reply in await self.talk(*lines)]

    async def serve(self, machine: Machine, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.socket.socket(self.family) as listening:
            await listening.bind(self.at)
            listening.listen(10)
            async with trio.open_nursery() as nursery:
                task_status.started()
                while True:
                    connected, _ = await listening.accept()
                    self.made.append(self._make())
                    nursery.start_soon(_converse, connected, self.made[-1])


async def _converse(connected: trio.socket.SocketType, server: MilterServer) -> None:
    with connected:
        while not server.is_over:
            try:
                octets = await connected.recv(65536)
                for each in packets_of(server.receive(octets)):
                    await trio.sleep(server.pace if server.heard and server.heard[-1].kind == "E" else 0)
                    await send_all(connected, each)
            except OSError:
                return
            if not octets:
                return


def told(
    make: Callable[[], MilterServer], story: Callable[[Filtered], Awaitable[T]], more: str = "", *, served: bool = True
) -> T:
    """The *story* of a site whose milter is what *make* makes."""
    site = Filtered(make)

    async def main() -> T:
        if served:
            await site.client.start(site.serve)
        await site.configure(CONFIG.replace("MORE", more))
        await site.boot()
        site.life.machine.events.subscribe(site.records.append)
        return await story(site)

    return site.world.run(main)


def said(
    server: Callable[[], MilterServer], *lines: str, more: str = "", served: bool = True
) -> tuple[Filtered, list[str], list[bytes]]:
    """What a client that says *lines* is told, and the mailbox of c@example.com afterwards."""

    async def story(site: Filtered) -> tuple[Filtered, list[str], list[bytes]]:
        codes = await site.codes(*(lines or GOOD))
        await trio.sleep(3)
        return site, codes, await site.mailbox("c")

    return told(server, story, more, served=served)


def test_what_a_milter_is_told() -> None:
    site, codes, mailbox = said(MilterServer, *ENVELOPE, "RCPT TO:<no@elsewhere.example>", "DATA", CONTENT, "QUIT")
    assert [code[:3] for code in codes] == ["220", "250", "250", "250", "550", "354", "250", "221"]
    (server,) = site.made
    assert server.offered == (6, 0x1DF, 0x1FF7FF)
    assert server.kinds() == "CHMRTLLLNBEQ"
    assert server.last("C").texts[:2] == [b"unknown", b"4"]
    assert server.last("C").texts[3] == b"10.0.0.7"
    assert server.last("C").macros.items() >= {
        "j": "mx.example", "_": "unknown [10.0.0.7]", "{daemon_name}": "mx.example", "{daemon_port}": "25",
        "{client_addr}": "10.0.0.7", "{client_name}": "unknown",
    }.items()  # fmt: skip
    assert server.last("H").texts == [b"client.example"]
    assert server.last("M").texts[0] == b"<a@b.example>"
    assert server.last("M").macros["{mail_addr}"] == "a@b.example"
    assert server.last("R").texts == [b"<c@example.com>"]
    assert server.last("R").macros == {
        "{rcpt_mailer}": "esmtp", "{rcpt_host}": "example.com", "{rcpt_addr}": "c@example.com",
    }  # fmt: skip
    fields = [heard.texts for heard in server.heard if heard.kind == "L"]
    assert fields[0] == [b"Subject", b"x"]
    assert server.body == b"hello\r\n"
    assert codes[6] == f"250 2.0.0 OK {server.last('E').macros['i']}"
    assert len(mailbox) == 1
    assert not site.panics


def say(text: bytes) -> list[Said]:
    """SMFIR_REPLYCODE."""
    return [("y", texts(text))]


CASES: list[tuple[str, Sequence[Said], int, str]] = [
    # the command, what the milter says to it, how many lines the client says, the last reply
    ("C", [REJECT], 0, "554 5.7.1 not accepted here"),
    ("C", [TEMPFAIL], 0, "421 4.7.1 not accepted now, please try later"),
    ("C", say(b"550 5.7.1 go away"), 0, "554 5.7.1 go away"),
    ("C", [DISCARD], 0, f"421{AWAY[3:]}"),
    ("C", [ACCEPT], 5, "250"),
    ("H", [REJECT], 1, "550 5.7.1 not accepted here"),
    ("H", [ACCEPT], 5, "250"),
    ("M", [REJECT], 2, "550 5.7.1 not accepted here"),
    ("M", [TEMPFAIL], 2, "451 4.7.1 not accepted now, please try later"),
    ("M", say(b"571 5.1.8 who?"), 2, "550 5.1.8 who?"),
    ("M", say(b"421 4.7.0 bye"), 2, "421 4.7.0 bye"),
    ("M", say(b"550"), 2, "550 not accepted here"),
    ("M", say(b"2.0"), 2, AWAY),
    ("M", [("4",)], 2, "421 4.7.0 closing the session, please try later"),
    ("M", [ACCEPT], 5, "250"),
    ("M", [DISCARD], 5, "250"),
    ("R", [REJECT], 3, "550 5.7.1 not accepted here"),
    ("R", say(b"450-4.2.0 100%% full\r\n450 4.2.0 of \xe9"), 3, "450 4.2.0 100% full of ?"),
    ("R", [DISCARD], 5, "250"),
    ("R", [ACCEPT], 5, "250"),
    ("R", [PROGRESS, ("c",)], 3, AWAY),
    ("R", [("h", texts(b"X", b"y")), ("c",)], 3, AWAY),
    ("T", [REJECT], 5, "550 5.7.1 not accepted here"),
    ("L", [TEMPFAIL], 5, "451 4.7.1 not accepted now, please try later"),
    ("N", [DISCARD], 5, "250"),
    ("B", say(b"554 5.7.1 spam"), 5, "554 5.7.1 spam"),
    ("B", [ACCEPT], 5, "250"),
    ("B", [("s",)], 5, AWAY),  # it was not agreed
    ("E", [REJECT], 5, "550 5.7.1 not accepted here"),
    ("E", [DISCARD], 5, "250"),
    ("E", [ACCEPT], 5, "250"),
    ("E", [("q", texts(b"look")), ("c",)], 5, "451 4.7.1 a person has to look at this message, please try later"),
    ("E", [("-", texts(b"<c@example.com>")), ("c",)], 5, "250"),
    ("E", [("+", texts(b"no path")), ("c",)], 5, AWAY),
    ("E", [("2", texts(b"<d@example.com>", b"NOTIFY=MAYBE")), ("c",)], 5, AWAY),
    ("E", [("h", texts(b"X y", b"z")), ("c",)], 5, AWAY),
    ("E", [("Z",)], 5, AWAY),
    ("E", [CLOSE], 5, AWAY),
    ("E", [SILENCE], 5, AWAY),
    ("E", [("h", texts(b"X", b"y")), CLOSE], 5, AWAY),
]  # fmt: skip


def test_each_answer_at_each_step() -> None:
    left = iter(CASES)

    def make() -> MilterServer:
        kind, answer, _, _ = next(left)
        return MilterServer({kind: answer})

    async def story(site: Filtered) -> list[bytes]:
        for kind, says, lines, expected in CASES:
            *before, last = await site.codes(*GOOD[:lines])
            assert last.startswith(expected), (kind, says, last)
            assert [code[:3] for code in before] == ["220", "250", "250", "250", "354"][:lines], (kind, says)
        await trio.sleep(3)
        return await site.mailbox("c")

    mailbox = told(make, story)
    assert len(mailbox) == sum(list(answer) == [ACCEPT] for _, answer, _, _ in CASES)
    assert not any(b"\nX: y" in message for message in mailbox)


def test_what_was_agreed_is_kept_to() -> None:
    nothing = NO_CONNECT | NO_HELLO | NO_MAIL | NO_RCPT | NO_BODY | NO_HEADERS | NO_EOH | NO_DATA
    agreed = [
        (MilterServer(steps=nothing), "E"),
        (MilterServer(steps=NO_BODY | NO_DATA), "CHMRLLLNE"),
        (MilterServer(steps=ALL_MUTE), "CHMRTLLLNBE"),
        (MilterServer(steps=SKIP, answers={"B": [("s",)]}), "CHMRTLLLNBE"),
        (MilterServer(version=2), "CHMRLLLNBE"),
        (MilterServer(steps=LEADING_SPACE), "CHMRTLLLNBE"),
        (MilterServer(steps=0xFFFFFFFF & ~nothing & ~ALL_MUTE, actions=0xFFFFFFFF), "CHMRTLLLNBE"),
        (MilterServer(symbols=b"\0\0\0\2" + texts(b"i j {mail_addr} auth_type")), "CHMRTLLLNBE"),
    ]
    left = iter(agreed)

    async def story(site: Filtered) -> None:
        for server, kinds in agreed:
            codes = await site.codes(*GOOD)
            assert codes[-1][:3] == "250"
            assert server.kinds().removesuffix("Q") == kinds
        assert agreed[5][0].last("L").texts[1][:1] == b" "
        assert agreed[7][0].last("M").macros == {"j": "mx.example", "{mail_addr}": "a@b.example"}
        assert not site.panics

    told(lambda: next(left)[0], story)


LARGE = f"{HEADER}X-Folded: a\r\n b\r\nX-Spam: no\r\n\r\n" + ("0123456789" * 6 + "\r\n") * 5000 + "."
CHANGES: list[Said] = [
    ("h", texts(b"X-Added", b"one\n two\nthree")),
    ("i", 0, texts(b"X-First", b"1")),
    ("i", 2, texts(b"X-Third", b"3")),
    ("i", 1000, texts(b"X-Last", b"9")),
    ("m", 1, texts(b"subject", b"y")),
    ("m", 1, texts(b"X-Spam", b"")),
    ("m", 1, texts(b"X-Spam", b"")),
    ("m", 2, texts(b"X-Folded", b"again")),
    PROGRESS,
    ("+", texts(b"<d@example.com>")),
    ("2", texts(b"e@example.com", b"NOTIFY=NEVER ORCPT=rfc822;x@y")),
    ("-", texts(b"<c@example.com>")),
    ("-", texts(b"<nobody@example.com>")),
    ("e", texts(b"<new@b.example>")),
]


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("body", [b"", b"other\r\n" * 9000], ids=["kept", "replaced"])
def test_changes(content: str, body: bytes) -> None:
    pieces: list[Said] = [("b", body[begin : begin + 65535]) for begin in range(0, len(body), 65535)]

    async def story(site: Filtered) -> None:
        assert (await site.codes(*OPENING, content))[-1][:3] == "250"
        await trio.sleep(3)
        assert not await site.mailbox("c")
        for name in ("d", "e"):
            (message,) = await site.mailbox(name)
            head, _, rest = message.partition(b"\n\n")
            assert b"\nX-Added: one\n two\n\tthree\n" in head
            assert head.endswith(b"\nX-Last: 9\nX-Folded: again")
            assert b"Return-Path: <new@b.example>" in head
            lines = [line.partition(b":")[0] for line in head.split(b"\n") if line[:1] not in (b" ", b"\t")]
            assert lines[:5] == [b"Return-Path", b"X-First", b"Received", b"X-Third", b"subject"]
            assert b"\nsubject: y\n" in head
            assert b"X-Spam" not in head
            sent = content.partition("\r\n\r\n")[2].removesuffix(".").encode()
            assert rest == (body or sent).replace(b"\r\n", b"\n")
        assert [heard.kind for heard in site.made[0].heard].count("B") == (5 if content is LARGE else 1)
        assert site.made[0].body == content.partition("\r\n\r\n")[2].removesuffix(".").encode()
        folders = await site.mx.call(spooled)
        assert not folders

    told(lambda: MilterServer({"E": [*CHANGES, *pieces, ("c",)]}), story)


async def spooled(machine: Machine) -> list[str]:
    """The files of content that the spool has."""
    (names,) = await machine.disk.perform([ListDirectory("/var/spool/ecelerity/content")])
    return list(names)


def test_a_body_that_grows_too_much_and_changes_without_end_are_a_fault() -> None:
    endless: list[Answer] = [
        [("b", bytes(65535))] * 257 + [("c",)],
        [("h", texts(b"X", b"y"))] * 1001 + [("c",)],
        [("h", texts(b"X", bytes(64000).replace(b"\0", b"x")))] * 17 + [("c",)],
        [("b", bytes(65535))] * 250 + [("r",)],
    ]
    left = iter(endless)

    async def story(site: Filtered) -> None:
        for _ in range(3):
            assert (await site.codes(*GOOD))[-1] == AWAY
        assert (await site.codes(*GOOD))[-1].startswith("550")
        assert not await site.mx.call(spooled)
        assert [problem.partition("data_spool: ")[2].partition(";")[0] for problem in site.panics] == [
            "a body that is much longer than the one before",
            "more than 1000 changes",
            "a header section of more than 1048576 octets",
        ]

    told(lambda: MilterServer({"E": next(left)}), story)


# away


@pytest.mark.parametrize(
    ("action", "codes"),
    [
        ("accept", ["220", "250", "250", "250", "354", "250"]),
        ("tempfail", ["421", "", "", "", "", ""]),
        ("reject", ["554", "", "", "", "", ""]),
    ],
)
@pytest.mark.parametrize("served", [True, False], ids=["silent", "refused"])
def test_a_milter_that_is_away(action: str, codes: list[str], served: bool) -> None:
    """Nobody listens there; or somebody does, and says nothing."""
    more = f"default_action = {action}"
    site, found, mailbox = said(Mute, more=more, served=served)
    assert [code[:3] for code in found] == codes
    assert len(mailbox) == (action == "accept")
    assert all('milter "sieve" (10.0.0.7:7357): ' in problem for problem in site.panics)
    assert len(site.panics) == len(set(site.panics)) > 0


class Mute(MilterServer):
    """One that takes everything and says nothing."""

    def receive(self, octets: bytes) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("kind", "action", "code"),
    [
        *((kind, "tempfail", "451") for kind in "HMRTLNBE"),
        *((kind, "accept", "250") for kind in "HMBE"),
        *((kind, "reject", "550") for kind in "RE"),
    ],
)
def test_a_milter_that_dies_at_any_step(kind: str, action: str, code: str) -> None:
    """The default action holds for the message, and the next one in the same session finds the milter anew."""
    answers: list[dict[str, Sequence[Said]]] = [{kind: [("h", texts(b"X", b"y")), CLOSE] if kind == "E" else [CLOSE]}]

    failing = {"H": 1, "M": 2, "R": 3}.get(kind, 5)
    first = GOOD if action == "accept" else GOOD[:failing]

    async def story(site: Filtered) -> list[bytes]:
        found = [each[:3] for each in await site.codes(*first, *GOOD)]
        assert found[failing] == code, found
        assert found[-1] == "250", found
        assert len(site.made) == 2
        await trio.sleep(3)
        return await site.mailbox("c")

    mailbox = told(lambda: MilterServer(answers.pop() if answers else {}), story, f"default_action = {action}")
    assert len(mailbox) == (2 if action == "accept" else 1)
    assert not any(b"X: y" in message for message in mailbox)


@pytest.mark.parametrize(
    ("pace", "signs", "reply", "seconds"),
    [
        (4, 2, "250", 12),
        (6, 2, AWAY, 5),
        (4, 100, "451 4.3.0 policy took too long, please try later", 300),
    ],
)
def test_a_slow_milter_has_its_time_and_no_more(pace: int, signs: int, reply: str, seconds: int) -> None:
    """content_timeout is 5; a sign of progress begins it anew, within the time that all of policy has."""

    async def story(site: Filtered) -> None:
        began = trio.current_time()
        patient = (GOOD[0], *["NOOP"] * 5, *GOOD[1:])  # each line adds to the time that the client has
        assert (await site.codes(*patient))[-1].startswith(reply)
        assert seconds <= trio.current_time() - began < seconds + 1

    told(lambda: MilterServer({"E": [*[PROGRESS] * signs, ("c",)]}, pace=pace), story)


def test_one_that_nobody_answers_is_not_waited_for_by_everybody() -> None:
    async def story(site: Filtered) -> None:
        began = trio.current_time()
        await site.codes()
        await site.codes()
        assert 3 <= trio.current_time() - began < 4
        await trio.sleep(3)
        await site.codes()
        assert trio.current_time() - began >= 9

    told(Mute, story)


def test_one_that_is_left_out_and_one_that_comes_with_a_reload() -> None:
    """Context leaves it out by its name. In a session that began without it, it hears of the client first."""
    without = CONFIG.replace("MORE", "").replace(
        'Listen ":25" {}', 'Listen ":25" { Context = [ __bypass_sieve = "true" ] }'
    )

    async def story(site: Filtered) -> None:
        await site.configure(without)
        await site.mx.call(console, "config reload")
        assert (await site.codes(*GOOD))[-1][:3] == "250"
        assert not site.made
        await site.client.call(session, site)
        assert site.made[0].kinds() == "CHMR"
        assert site.made[0].last("H").texts == [b"client.example"]

    async def session(machine: Machine, site: Filtered) -> None:
        with trio.socket.socket() as socket:
            await socket.connect(("10.0.0.25", 25))
            await read_reply(socket)
            for line in (ENVELOPE[0], None, *ENVELOPE[1:]):
                if line is None:
                    await site.configure(CONFIG.replace("MORE", ""))
                    await site.mx.call(console, "config reload")
                else:
                    await send_all(socket, line.encode() + b"\r\n")
                    assert (await read_reply(socket))[:3] == "250"

    told(MilterServer, story)


@pytest.mark.parametrize("at", ["/run/sieve", "[::1]:7357"])
def test_other_sockets(at: str) -> None:
    site = Filtered(MilterServer)

    async def main() -> list[str]:
        is_path = at.startswith("/")
        site.family = trio.socket.AF_UNIX if is_path else trio.socket.AF_INET6
        site.at = at if is_path else ("::1", 7357)
        await site.configure(CONFIG.replace("MORE", "").replace("10.0.0.7:7357", at))
        await site.mx.start(site.serve)
        await site.boot()
        return await site.codes(*GOOD)

    assert site.world.run(main)[-1][:3] == "250"
    assert site.made[0].kinds().removesuffix("Q") == "CHMRTLLLNBE"


def test_a_disk_without_room_for_what_is_changed_loses_nothing() -> None:
    """The message is answered 452; what the client has sent is as it was, and the next one is taken."""
    body: list[Said] = [("b", bytes(65535)) for _ in range(4)]
    answers: list[Sequence[Said]] = [[*body, ("c",)], [("c",)]]

    async def story(site: Filtered) -> None:
        site.mx.store.fill(octets_left=100_000)
        assert (await site.codes(*GOOD))[-1] == "452 4.3.1 insufficient system storage"
        assert not await site.mx.call(spooled)
        site.mx.store.heal()
        assert (await site.codes(*GOOD))[-1][:3] == "250"
        await trio.sleep(3)
        assert len(await site.mailbox("c")) == 1

    told(lambda: MilterServer({"E": answers.pop(0)}), story)


def test_a_module_that_says_done_is_the_last_that_is_asked() -> None:
    """What was left out in one phase is told in the next."""
    site = Filtered(MilterServer)
    module = """
from momentum_trio.reception.policy import Done
async def ehlo(session): return Done()
async def mailfrom(session, mail): return Done()
"""

    async def main() -> None:
        await site.client.start(site.serve)
        await site.mx.call(write_file, "/etc/policy/site.py", module.encode())
        await site.configure(CONFIG.replace("MORE", "") + 'policy "site" { module = "/etc/policy/site.py" }\n')
        await site.boot()
        assert (await site.codes(*GOOD))[-1][:3] == "250"

    site.world.run(main)
    assert site.made[0].kinds().removesuffix("Q") == "CHMRTLLLNBE"
    assert site.made[0].last("M").macros["{mail_addr}"] == "a@b.example"


def test_connections_are_bounded_and_counted() -> None:
    """Those of sessions that are over are given back."""
    limits = LocalState("here")
    milters = Milters(cast(Machine, None), limits, 2)
    assert [milters.take_seat() for _ in range(3)] == [True, True, False]
    milters.give_seat_back()
    assert milters.take_seat()

    async def story(site: Filtered) -> None:
        for _ in range(3):
            await site.codes(*GOOD)
        await trio.sleep(1)
        assert [server.kinds()[-1] for server in site.made] == ["Q"] * 3

    told(MilterServer, story)


def test_an_explanation_and_a_scope_without_its_address() -> None:
    text = answer(load_text(CONFIG.replace("MORE", ""), declared=DECLARED), ["10.0.0.7"], "mx.example").text
    assert "A session asks besides\n  sieve, the milter at 10.0.0.7:7357 (" in text
    for wrong, problem in (("", "address"), ('address = "*:25"', "the one place"), ("address = x", "port is missing")):
        with pytest.raises(ConfigErrors) as errors:
            load_text(f'milter "x" {{ {wrong} }}', declared=DECLARED)
        assert problem in str(errors.value)
