"""ec_inject: what it sends, how fast, what it tells, and its statuses. docs/inject.md runs it against the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import trio
from ecstream_server import PASSWORD, SMALL, EcstreamServer, in_thread
from trio.testing import MockClock

from momentum_trio.cli.ec_inject import _status, main, told
from momentum_trio.cli.injection_load import Latencies, Mail, Source, Tally
from momentum_trio.client.message import Message, Result
from momentum_trio.client.terms import InjectionError, NotAdmittedError
from momentum_trio.mail.reply import Reply

OK, NO, LATER = Reply.of("250 OK"), Reply.of("550 no"), Reply.of("450 later")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 64),
        (["mx"], 64),
        (["mx:99999", "--to", "a"], 64),
        (["a:b:c", "--to", "a"], 64),
        (["/path", "--smtp", "--to", "a"], 64),
        (["mx", "--smtp", "--ecstream", "--to", "a"], 64),
        (["mx", "--to", "a", "--batch", "0"], 64),
        (["mx", "--to", "a", "--user", "ann"], 64),
        (["mx", "--to", "a" * 2000], 64),
        (["mx", "--to", "a", "/nowhere/at/all"], 66),
        (["--help"], 0),
    ],
)
def test_arguments(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == status
    assert "ec_inject" in "".join(capsys.readouterr())


def test_messages_have_their_size_their_number_and_their_recipients() -> None:
    mail = Mail("ann@a", ("u%d@b", "all@b"), octets=300, mailboxes=10)
    message = mail.message(23)
    assert list(message.recipients) == ["u3@b", "all@b"]
    assert len(message.content) == 300
    assert message.content.endswith(b"\r\n")
    assert b"\r\nX-Number: 23\r\n" in message.content
    assert mail.message(24).content != message.content
    same = Mail("", ("a",), is_same=True)
    assert same.message(1).content == same.message(2).content
    files = Mail("", ("a",), (b"one", b"two"))
    assert [files.message(number).content for number in (1, 2, 3)] == [b"two", b"one", b"two"]
    assert len(Mail("", ("a",), octets=0).message(1).content) < 100


async def test_a_rate_is_kept(autojump_clock: MockClock) -> None:
    source = Source(Mail("", ("a",)), batch=10, count=95, until=float("inf"), rate=5.0)
    sizes = []
    while batch := await source.next():
        sizes.append(len(batch))
    assert sizes == [10] * 9 + [5]
    assert trio.current_time() - source.began == pytest.approx(90 / 5.0)
    assert source.left == 0


async def test_no_batch_begins_after_the_time(autojump_clock: MockClock) -> None:
    source = Source(Mail("", ("a",)), batch=1, count=float("inf"), until=trio.current_time() + 10, rate=2.0)
    while await source.next():
        pass
    assert source.taken == 20
    assert trio.current_time() - source.began == pytest.approx(10)


def test_percentiles_are_right_to_one_per_cent() -> None:
    latencies = Latencies()
    for number in range(1, 1001):
        latencies.add(number / 1000, 1)
    for percent in (1, 50, 95, 99, 100):
        assert latencies.percentile(percent) == pytest.approx(percent / 100, rel=0.011)
    assert Latencies().percentile(50) == 0.0


def test_the_tally_tells_what_came_of_each() -> None:
    tally = Tally()
    messages = [Message("", ["a", "b"], b"x" * 10)] * 4
    results = [Result("i", OK, (OK, OK)), Result("i", OK, (OK, NO)), Result("", NO, (NO, LATER)), None]
    tally.add(messages, results, 0.5)
    tally.fail(InjectionError("it broke", messages, results, [3]))
    assert (tally.taken, tally.partly, tally.octets, tally.refused) == (1, 1, 20, Counter({550: 2, 450: 1}))
    assert (tally.in_doubt, tally.unsent, tally.faults) == (1, 0, Counter({"it broke": 1}))
    assert told(tally, 2.0).splitlines()[:-1] == [
        "1 messages taken, 20 octets, in 2.00 seconds: 0.5 messages and 0.00 MB a second",
        "1 messages more for some of their recipients",
        "recipients refused: 1 x 450, 2 x 550",
        "given up: 1 in doubt, 0 not taken",
        "1 x it broke",
    ]


@pytest.mark.parametrize(
    ("tally", "status"),
    [
        (Tally(taken=5), 0),
        (Tally(taken=5, faults=Counter({"a connection ended": 1})), 0),  # and all were taken after it
        (Tally(refused=Counter({550: 1})), 69),
        (Tally(refused=Counter({550: 1, 450: 1})), 75),
        (Tally(in_doubt=1), 75),
        (Tally(unsent=1), 75),
    ],
)
def test_statuses(tally: Tally, status: int) -> None:
    assert _status(tally) == status
    tally.fail(NotAdmittedError("no"))
    assert _status(tally) == 77


def test_a_load_from_files_with_a_password(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(b"Subject: a\n\nb\r\n")
    server = EcstreamServer(terms=SMALL, users={"ann": PASSWORD})
    with in_thread(server) as port:
        command = [sys.executable, "-m", "momentum_trio.cli.ec_inject", f"127.0.0.1:{port}", str(tmp_path / "mail")]
        command += ["--to", "u%d@b.example", "--count", "50", "--batch", "7", "--json", "--user", "ann"]
        environment = {**os.environ, "EC_INJECT_PASSWORD": PASSWORD}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert (figures["taken"], figures["octets"], figures["faults"]) == (50, 50 * 17, {})
    assert {taken.content for taken in server.messages} == {b"Subject: a\r\n\r\nb\r\n"}
    assert Counter(server.batches) == Counter({7: 7, 1: 1})
