"""Delivery into Maildirs on the disk of this host."""

from __future__ import annotations

import os
import pathlib
from collections.abc import AsyncIterator, Sequence

import pytest
from delivery_world import EPOCH, MemorySpool, Tree, machine_with

from momentum_trio.delivery.maildir import CHUNK_OCTETS, STREAMED_OCTETS_MIN, Maildir
from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Deferred, Delivered, Outcome
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.spool.message import Batch


class Post:
    """A Maildir method on a directory, and a spool."""

    def __init__(self, base: pathlib.Path, disk: OsDisk) -> None:
        self.base, self.disk, self.spool = base, disk, MemorySpool()
        machine, _ = machine_with(disk)
        self.maildir = Maildir(machine, self.spool, "/spool")
        self.tree = Tree({"": {"Maildir_Path": f"{base}/mail/%d/%l"}})

    def attempts(self, *batches: Batch) -> list[Attempt]:
        return [
            Attempt(batch, message, domain, 0, self.tree.chain_outbound("default", "default", domain))
            for batch in batches
            for message in batch.messages
            for domain in [message.forward_path.rpartition("@")[2]]
        ]

    async def deliver(self, *batches: Batch) -> Sequence[Outcome]:
        return await self.maildir.attempt(self.attempts(*batches))

    def mail(self, mailbox: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.base / "mail" / mailbox / "new").iterdir())]

    def left_over(self) -> list[pathlib.Path]:
        return list(self.base.glob("mail/**/tmp/*"))


@pytest.fixture
async def post(tmp_path: pathlib.Path) -> AsyncIterator[Post]:
    disk = OsDisk()
    yield Post(tmp_path, disk)
    assert not disk._descriptors
    await disk.aclose()


async def test_a_message_arrives_as_it_was_sent(post: Post) -> None:
    content = b"Subject: a\r\n\r\n.dot\r\n\r\n8-bit \xe9\r\n"
    batch = post.spool.accept("bob@example.com", content=content)
    assert await post.deliver(batch) == [Delivered()]
    (octets,) = post.mail("example.com/bob")
    first, _, rest = octets.partition(b"\n")
    assert first == b"Return-Path: <ann@example.net>"
    assert rest.replace(b"\n", b"\r\n") == content
    (name,) = os.listdir(post.base / "mail/example.com/bob/new")
    assert name.startswith(f"{int(EPOCH)}.P481Q1R")
    assert name.endswith(".mx.example")
    assert sorted(os.listdir(post.base / "mail/example.com/bob")) == ["cur", "new", "tmp"]
    assert (post.base / "mail/example.com/bob").stat().st_mode & 0o777 == 0o700
    assert not post.left_over()


async def test_many_messages_share_jobs(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [post.spool.accept(f"user{n % 5}@example.com", content=b"%d\r\n" % n) for n in range(60)]
    assert await post.deliver(*batches) == [Delivered()] * 60
    jobs = 0
    perform = post.disk.perform

    async def counted(steps: Sequence[object]) -> list[object]:
        nonlocal jobs
        jobs += 1
        return await perform(steps)  # type: ignore[arg-type]

    monkeypatch.setattr(post.disk, "perform", counted)
    batches = [post.spool.accept(f"user{n % 5}@example.com", content=b"%d\r\n" % n) for n in range(60)]
    assert await post.deliver(*batches) == [Delivered()] * 60
    assert jobs == 1  # the mailboxes are known now
    assert [len(post.mail(f"example.com/user{n}")) for n in range(5)] == [24] * 5


async def test_recipients_of_one_batch_each_get_theirs(post: Post) -> None:
    batch = post.spool.accept("a@example.com", "b@example.com", "a@example.net", "b@EXAMPLE.COM")
    assert await post.deliver(batch) == [Delivered()] * 4
    assert [len(post.mail(name)) for name in ("example.com/a", "example.com/b", "example.net/a")] == [1, 2, 1]


@pytest.mark.parametrize("extra", [0, 1, CHUNK_OCTETS])
async def test_large_messages_are_streamed(post: Post, extra: int) -> None:
    # Odd first, so that chunk edges fall between CR and LF.
    content = b"x" + b"\r\n" * ((STREAMED_OCTETS_MIN + extra) // 2 + 7)
    batch = post.spool.accept("bob@example.com", "ann@example.com", content=content)
    assert await post.deliver(batch, post.spool.accept("bob@example.com", content=b"small\r\n")) == [Delivered()] * 3
    expected = b"Return-Path: <ann@example.net>\n" + content.replace(b"\r\n", b"\n")
    assert expected in post.mail("example.com/bob")
    assert len(post.mail("example.com/bob")) == 2
    assert post.mail("example.com/ann") == [expected]
    assert not post.left_over()


async def test_a_repeated_delivery_replaces_the_first(post: Post) -> None:
    batch = post.spool.accept("bob@example.com")
    assert await post.deliver(batch) == await post.deliver(batch) == [Delivered()]
    assert len(post.mail("example.com/bob")) == 1


async def test_a_left_over_of_an_earlier_life_is_no_obstacle(post: Post) -> None:
    batch = post.spool.accept("bob@example.com")
    await post.deliver(batch)
    new = post.base / "mail/example.com/bob/new"
    (name,) = os.listdir(new)
    (new / name).rename(new.parent / "tmp" / name)
    assert await post.deliver(batch) == [Delivered()]
    assert len(post.mail("example.com/bob")) == 1
    assert not post.left_over()


async def test_a_link_planted_in_tmp_is_not_followed(post: Post) -> None:
    batch = post.spool.accept("bob@example.com")
    await post.deliver(batch)
    box, victim = post.base / "mail/example.com/bob", post.base / "victim"
    victim.write_text("mine")
    (name,) = os.listdir(box / "new")
    (box / "new" / name).unlink()
    (box / "tmp" / name).symlink_to(victim)
    assert await post.deliver(batch) == [Delivered()]
    assert victim.read_text() == "mine"
    assert not (box / "new" / name).is_symlink()


async def test_one_bad_mailbox_does_not_hold_up_the_others(post: Post) -> None:
    (post.base / "mail/example.com").mkdir(parents=True)
    (post.base / "mail/example.com/file").write_text("not a directory")
    batches = [post.spool.accept(f"{name}@example.com") for name in ("a", "file", "b", "file", "a")]
    outcomes = await post.deliver(*batches)
    assert [isinstance(outcome, Delivered) for outcome in outcomes] == [True, False, True, False, True]
    assert outcomes[1] == outcomes[3] == Deferred("451 4.3.0 [internal] mailbox: File exists", 8)
    assert len(post.mail("example.com/a")) == 2
    assert not post.left_over()


@pytest.mark.parametrize("octets", [10, STREAMED_OCTETS_MIN])
async def test_a_mailbox_removed_under_us_is_made_again(post: Post, octets: int) -> None:
    await post.deliver(post.spool.accept("bob@example.com"))
    (post.base / "mail").rename(post.base / "gone")
    assert await post.deliver(post.spool.accept("bob@example.com", content=b"x" * octets)) == [Delivered()]
    assert len(post.mail("example.com/bob")) == 1


async def test_without_a_path_mail_waits(post: Post) -> None:
    post.tree = Tree({"": {}})
    assert await post.deliver(post.spool.accept("bob@example.com")) == [
        Deferred("451 4.3.5 [internal] Maildir_Path is not set")
    ]


@pytest.mark.parametrize("octets", [10, STREAMED_OCTETS_MIN])
async def test_content_that_is_gone_defers_that_message_alone(post: Post, octets: int) -> None:
    lost, kept = post.spool.accept("bob@example.com", content=b"x" * octets), post.spool.accept("bob@example.com")
    del post.spool.contents[lost.batch_id]
    outcomes = await post.deliver(lost, kept)
    assert outcomes == [Deferred("451 4.3.0 [internal] message body missing", 22), Delivered()]
    assert not post.left_over()


async def test_content_cut_short_is_not_delivered(post: Post) -> None:
    batch = post.spool.accept("bob@example.com", content=b"x" * STREAMED_OCTETS_MIN)
    post.spool.contents[batch.batch_id] = b"x" * 100
    (outcome,) = await post.deliver(batch)
    assert isinstance(outcome, Deferred)
    assert post.mail("example.com/bob") == []
    assert not post.left_over()


async def test_a_reverse_path_cannot_add_lines(post: Post) -> None:
    await post.deliver(post.spool.accept("bob@example.com", reverse_path="a\nX-Evil: 1@example.net"))
    (octets,) = post.mail("example.com/bob")
    assert octets.startswith(b"Return-Path: <a?X-Evil: 1@example.net>\nSubject:")
