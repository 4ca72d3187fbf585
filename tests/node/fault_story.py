"""What the stories of ``test_whole_node_faults`` share: letters, the client that posts them, and what became of them.

What lies on the node's disk is looked at from outside, without operations of its own: a story may count operations.
"""

from __future__ import annotations

import errno
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

import trio
from simulated_host import CONTROL, MX, Site, read_reply, send_all

from momentum_trio.delivery.maildir import STREAMED_OCTETS_MIN
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Step
from momentum_trio.mail.record import Level, Panic
from sim.disk import Fault
from sim.host import Host

SPOOL, MAIL = "/var/spool/ecelerity", "/var/mail"
LARGE_OCTETS = 2000
LINES = 1000  # of content that differ; each has 40 octets
SILENCE_SECONDS = 30.0  # after which a client believes that nobody is there
DELIVERY_SECONDS = 600.0
HEADER = (
    "Subject: {0}\r\nFrom: <ann@client.example>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{0}@c>\r\n"
)

CONFIG = f"""
Hostname = "mail.example.com"
SpoolBase = "{SPOOL}"
Large_Message_Threshold = {LARGE_OCTETS}
Retry_Interval = 20
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "{MAIL}/%d/%l" }}
ESMTP_Listener {{ Listen ":25" {{}} }}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message. subject: names it, in the mailbox too. Nothing else in its content does."""

    subject: str
    forward_paths: tuple[str, ...] = ("bob@example.com",)
    octets: int = 40

    @property
    def content(self) -> bytes:
        """As the client has it, with CRLF; a line begins with a dot."""
        lines = [b"%07d of %-27s\r\n" % (number, self.subject.encode()) for number in range(LINES)]
        block, count = b"".join(lines), self.octets // 40
        body = block * (count // LINES) + b"".join(lines[: count % LINES])
        return HEADER.format(self.subject).encode() + b"\r\n.dots\r\n" + body

    @property
    def stuffed(self) -> bytes:
        """As it goes over the wire, its end included."""
        return self.content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


LETTERS = (
    Letter("one"),
    Letter("large", ("carol@example.com",), 3 * LARGE_OCTETS),
    Letter("two", ("bob@example.com", "dave@example.com")),
)
HUGE = Letter("huge", ("erin@example.com",), STREAMED_OCTETS_MIN + 50_000)  # in parts into its mailbox
SIZES = {letter.subject: letter.octets // 40 * 40 for letter in (*LETTERS, HUGE)}


@dataclass
class Post:
    """What a client was told. answers: the last reply to each letter; none: nobody answered."""

    answers: dict[str, str] = field(default_factory=dict)
    over: bool = False

    @property
    def accepted(self) -> list[str]:
        """The subjects of letters answered 250."""
        return [subject for subject, reply in self.answers.items() if reply.startswith("250")]


async def post(machine: Machine, letters: Sequence[Letter], told: Post, port: int = 25) -> None:
    """Send *letters* in one session, noting every final reply at once; ends early when the server is gone."""
    try:
        with trio.socket.socket() as socket:
            await socket.connect((MX, port))
            for line in ("", "EHLO client.example"):
                if not (await ask(socket, line)).startswith("2"):
                    return
            for letter in letters:
                for line in ("MAIL FROM:<ann@client.example>", *(f"RCPT TO:<{path}>" for path in letter.forward_paths)):
                    if not (await ask(socket, line)).startswith("250"):
                        return
                if not (await ask(socket, "DATA")).startswith("354"):
                    return
                with trio.fail_after(SILENCE_SECONDS):
                    await send_all(socket, letter.stuffed)
                if not (reply := await ask(socket, "")):
                    return
                told.answers[letter.subject] = reply
            await ask(socket, "QUIT")
    except (OSError, trio.TooSlowError):
        return
    finally:
        told.over = True


async def ask(socket: trio.socket.SocketType, line: str) -> str:
    """Send *line*, if any, and read one reply. Raises TooSlowError."""
    with trio.fail_after(SILENCE_SECONDS):
        if line:
            await send_all(socket, line.encode() + b"\r\n")
        return await read_reply(socket)


async def posted(site: Site, letters: Sequence[Letter] = LETTERS, source: Host | None = None) -> Post:
    """Have the client's host post *letters*, to the end."""
    told = Post()
    await (source or site.client).call(post, letters, told)
    return told


def delivered(site: Site) -> list[str]:
    """``subject forward-path`` of every message in a mailbox now. AssertionError for one that is not whole."""
    return sorted(name for name, _ in ids_delivered(site))


def ids_delivered(site: Site) -> list[tuple[str, str]]:
    """``delivered``, each with the id of its batch."""
    found = []
    for path, octets in in_new(site):
        domain, local_part = path.removeprefix(MAIL + "/").split("/")[:2]
        subject, batch_id = read_letter(octets)
        found.append((f"{subject} {local_part}@{domain}", batch_id))
    return found


DELIVERED = re.compile(
    rb"Return-Path: <ann@client\.example>\nReceived: from [^\n]*\n((?:[ \t][^\n]*\n)+)(Subject: .*)", re.S
)


@lru_cache(maxsize=100)  # stories look again and again
def read_letter(octets: bytes) -> tuple[str, str]:
    """The subject of a message in a mailbox, and the id of its batch. AssertionError unless it is whole."""
    match = DELIVERED.fullmatch(octets)
    assert match, octets[:300]
    subject = match[2].split(b"\n")[0].removeprefix(b"Subject: ").decode()
    size = match[2].count(b" of ") * 40
    assert match[2] == Letter(subject, (), size).content.replace(b"\r\n", b"\n"), subject
    assert size == SIZES.get(subject, size), subject
    batch_id = re.search(r"\tid (\S+);", match[1].decode())
    assert batch_id
    return subject, batch_id[1]


def in_new(site: Site) -> list[tuple[str, bytes]]:
    """The files of every ``new``, whole or not, as the disk has them now."""
    return [(path, site.mx.store.octets(path)) for path in mail_files(site) if "/new/" in path]


def in_tmp(site: Site) -> list[str]:
    """What lies in a ``tmp``."""
    return [path for path in mail_files(site) if "/tmp/" in path]


def mail_files(site: Site) -> list[str]:
    """Every file of every mailbox; none before the first delivery."""
    try:
        return sorted(site.mx.store.files(MAIL))
    except FileNotFoundError:
        return []


def names(letters: Iterable[Letter]) -> list[str]:
    """What ``delivered`` shows when each of *letters* is there once."""
    return sorted(f"{letter.subject} {path}" for letter in letters for path in letter.forward_paths)


def of(told: Post, letters: Iterable[Letter] = LETTERS) -> list[str]:
    """What ``delivered`` must show at least, after *told*."""
    return names(letter for letter in letters if letter.subject in told.accepted)


def missing(site: Site, wanted: Iterable[str]) -> list[str]:
    """What of *wanted* is in no mailbox."""
    return sorted((Counter(wanted) - Counter(delivered(site))).elements())


async def all_arrive(site: Site, wanted: Sequence[str], seconds: float = DELIVERY_SECONDS) -> None:
    """Wait until *wanted* is in the mailboxes."""
    with trio.move_on_after(seconds):
        while missing(site, wanted):  # noqa: ASYNC110 (the disk announces nothing)
            await trio.sleep(0.25)
    assert not missing(site, wanted), panics(site)


def panics(site: Site, *levels: Level) -> list[str]:
    """What the node's paniclog says, of all lives."""
    wanted = levels or tuple(Level)
    return [record.text for _, record in site.world.records if isinstance(record, Panic) and record.level in wanted]


def faults_of_ours(site: Site) -> list[str]:
    """Lines of the paniclog that no fault of a disk or a peer may cause."""
    return [text for text in panics(site) if "Traceback" in text or "fault in delivery" in text]


async def over_or_dead(site: Site, told: Post) -> None:
    """Wait until the client is done or the node is dead."""
    while not told.over and site.life.alive:  # noqa: ASYNC110 (either may come first)
        await trio.sleep(0.01)


def under(*places: str) -> Callable[[Step[Any]], bool]:
    """Whether a step touches something below one of *places*."""

    def touches(step: Step[Any]) -> bool:
        path = path_of(step)
        return any(path == place or path.startswith(f"{place}/") for place in places)

    return touches


def path_of(step: Step[Any]) -> str:
    """What a step is about."""
    for name in ("path", "source"):
        if (path := getattr(step, name, None)) is not None:
            return str(path)
    return str(step.file.path)  # type: ignore[attr-defined]


def failing(kinds: tuple[type[Step[Any]], ...], number: int, *places: str, **how: Any) -> Callable[[Step[Any]], Any]:
    """An injector: steps of *kinds* below *places* fail with *number*."""
    touches = under(*places)

    def inject(step: Step[Any]) -> Fault | None:
        return Fault(number, **how) if isinstance(step, kinds) and touches(step) else None

    return inject


def digest(seed: int) -> str:
    """The digest of a story with faults of every kind."""

    async def main() -> None:
        await site.configure(CONFIG)
        await site.boot()
        site.mx.store.inject = failing((Step,), errno.ENOSPC, SPOOL)
        await posted(site)
        site.mx.store.inject = None
        await posted(site)
        site.mx.store.cut_after = 30
        await posted(site, (*LETTERS, HUGE))
        await site.boot()
        site.life.descriptors_max = len(site.life.descriptors()) + 5
        async with trio.open_nursery() as clients:
            for _ in range(6):
                clients.start_soon(posted, site)
        site.mx.kill()
        await site.boot()
        await posted(site)
        await trio.sleep(60)
        for line in delivered(site):
            site.mx.trace("delivered", line=line)

    site = Site(seed, short=0.3, latency_seconds=0.01)
    for path in site.world.link(site.mx, site.client):
        path.jitter_seconds = 0.02
    site.world.run(main)
    return f"{site.world.digest()} {site.world.kernel.line_count}"


if __name__ == "__main__":
    print(digest(int(sys.argv[1])))
