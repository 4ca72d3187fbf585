"""ECStream: batches over real sockets, their results, and how a connection ends (docs/protocols/ecstream.md)."""

from __future__ import annotations

from itertools import accumulate

import pytest
import trio
from ecstream_talk import CONTENT, Played, conversation, message, play
from hypothesis import given, settings
from msgspec.structs import replace

from momentum_trio.mail.record import Received
from momentum_trio.protocol.ecstream.batch import Batch, Following, encode_batch
from momentum_trio.protocol.ecstream.frame import PREFACE, Bye, Credit, Hello, Kind, Ping, Pong, Small, encode, framed
from momentum_trio.protocol.ecstream.results import Results
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.strategies import cut, cuts

OPEN = """
Hostname = "mx.example"
ECStream_Listener {{
  Listen "127.0.0.1:1825" {{ {listen} }}
}}
"""


async def test_a_batch_is_taken_in_one_commit_and_answered_by_ids() -> None:
    async with conversation() as (at, talk):
        results = await talk.ask(
            *(message(f"{n}@d.example", content=n % 2) for n in range(20)), contents=(CONTENT, CONTENT)
        )
        assert at.spool.groups == [20]
        assert [result.id.decode() for result in results] == [batch.batch_id for batch, _ in at.spool.kept]
        assert {result.reply for result in results} == {replies.OK}
        received = [record for record in at.records if isinstance(record, Received)]
        assert [record.forward_path for record in received] == [f"{n}@d.example" for n in range(20)]
        assert {record.protocol for record in received} == {"ecstream"}
        assert all(content.endswith(CONTENT) for _, content in at.spool.kept)
        talk.core.bye()
        await talk.send()
        assert (await talk.event()).error is None  # type: ignore[union-attr]


async def test_batches_that_come_together_are_committed_together() -> None:
    async with conversation() as (at, talk):
        for _ in range(5):
            talk.core.batch(Batch(talk.core.next_number, (CONTENT,), (message(),)))
        await talk.send()
        for _ in range(5):
            assert len(await talk.results()) == 1
        assert at.spool.groups == [5]


async def test_what_is_wrong_costs_its_recipient_or_its_message_alone() -> None:
    async with conversation() as (at, talk):
        results = await talk.ask(
            message("c@d.example", b"a\r\nb@d.example", b"\xff@d.example"),
            message(reverse_path=b"a\0@b.example"),
            message(content=1),
            contents=(CONTENT, b"Subject: x\r\n\r\nlone\n"),
        )
        assert [bool(result.id) for result in results] == [True, False, False]
        assert [reply.code for reply in results[0].recipients] == [250, 501, 501]
        assert [result.reply.code for result in results] == [250, 501, 550]
        assert len(at.spool.kept) == 1


@pytest.mark.parametrize("others", [0, 2])
async def test_content_that_follows_goes_to_its_entry_and_gives_its_credit_back(others: int) -> None:
    """others: messages that share it."""
    text = OPEN.format(listen="ECStream_Window_Size = 65536 ECStream_Max_Frame_Size = 16384")
    body = b"Subject: x\r\n\r\n" + b"0123456789" * 6 + b"\r\n"
    content = body + (b"y" * 70 + b"\r\n") * 5000
    async with conversation(text) as (at, talk):
        messages = [message(), *(message(f"{n}@d.example", content=1) for n in range(1 + others))]
        await talk.batch(*messages, contents=(CONTENT, Following(len(content))))
        rest = memoryview(content)
        while rest:
            size = min(16384, len(rest), talk.core.credit - 8)
            if size <= 0:
                await talk.event()
                continue
            talk.core.chunk(rest[:size])
            rest = rest[size:]
        results = await talk.results()
        assert all(result.id for result in results)
        assert talk.core.credit == 65536
        assert [kept.endswith(content) for _, kept in at.spool.kept] == [False] + [True] * (1 + others)


FOLLOWS = b"Date: 1\r\n\r\n" + b"z" * 60 + b"\r\n"


BATCHES = (
    Batch(1, (CONTENT, CONTENT), (message("a@d.example"), message("b@d.example", "b b@d.example", content=1))),
    Batch(
        2,
        (Following(len(CONTENT)), CONTENT, Following(len(FOLLOWS))),
        (
            message("c@d.example"),
            message("d@d.example", content=1),
            message("e@d.example", content=2),
            message("f@d.example", content=2),
        ),
    ),
    Batch(3, (b"no header\r\n", CONTENT), (message("g@d.example"), message("h@d.example", content=1))),
)
FRAMES = [
    PREFACE,
    encode(Hello(1, 1)),
    *map(b"".join, map(encode_batch, BATCHES[:2])),
    *(b"".join(framed(Kind.CHUNK, part)) for part in (CONTENT[:20], CONTENT[20:], FOLLOWS[:1], FOLLOWS[1:])),
    b"".join(encode_batch(BATCHES[2])),
    encode(Ping(b"12345678")),
    encode(Bye()),
]
STREAM = b"".join(FRAMES)


def credited(frames: list[Small | Results]) -> list[Small | Results]:
    """Without what depends on when it was said."""
    return [
        frame._replace(
            credit=0, messages=tuple(replace(each, id=b"" if not each.id else b"id") for each in frame.messages)
        )
        if isinstance(frame, Results)
        else frame
        for frame in frames
        if not isinstance(frame, Credit)
    ]


@pytest.fixture(scope="module")
def whole() -> Played:
    return trio.run(play, [STREAM])


@given(cuts)
@settings(max_examples=30, deadline=None)
def test_however_it_is_cut_the_same_is_kept_and_said(whole: Played, sizes: list[int]) -> None:
    played = trio.run(play, cut(STREAM, sizes))
    assert sorted(played.kept) == sorted(whole.kept)
    assert len(played.kept) == 7
    assert [f for f in credited(played.frames) if not isinstance(f, Pong)] == [
        f for f in credited(whole.frames) if not isinstance(f, Pong)
    ]


def test_what_ends_early_is_kept_message_by_message_or_not_at_all(whole: Played) -> None:
    """At every frame's end, and an octet before and behind it."""
    ends = list(accumulate(map(len, FRAMES)))
    counts = []
    for end in sorted({at + by for at in ends[1:] for by in (-1, 0, 1) if at + by <= len(STREAM)}):
        played = trio.run(play, [STREAM[:end]])
        assert set(played.kept) <= set(whole.kept), "none is kept in part"
        answered = sum(len(f.messages) for f in played.frames if isinstance(f, Results))
        assert answered <= len(played.kept) + 1, "what was answered was kept, but for the one without header"
        counts.append(len(played.kept))
    assert counts == sorted(counts)
    assert counts[-1] == 7
