"""One body of steps on both arms of the disk: equal results, equal errors."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.machine import disk as d
from momentum_trio.machine.disk import Disk, File, FileFacts, Step
from momentum_trio.machine.os_disk import CHUNKS_MAX, OsDisk
from sim.disk import SimDisk, SimStore

Arm = tuple[Disk, str]  # a disk, and an empty directory on it


@pytest.fixture(params=["os", "sim"])
async def arm(request: pytest.FixtureRequest) -> AsyncIterator[Arm]:
    if request.param == "sim":
        sim = SimStore().mount()
        await sim.perform([d.MakeDirectory("/base")])
        yield sim, "/base"
    else:
        with tempfile.TemporaryDirectory() as base:
            os_disk = OsDisk()
            yield os_disk, base
            await os_disk.aclose()


async def fails(disk: Disk, *steps: Step[Any]) -> int:
    """The errno with which *steps* fail."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the caller compares the errno
        await disk.perform(steps)
    assert caught.value.errno is not None
    return caught.value.errno


async def test_written_octets_are_read_back(arm: Arm) -> None:
    """What is written, in pieces, at offsets and appended, is read back; gaps are zeros; truncation cuts and fills."""
    disk, base = arm
    file = File(f"{base}/a")
    results = await disk.perform(
        [
            d.Create(file, 0o604),
            d.Write(file, 0, [b"alpha", bytearray(b"beta"), memoryview(b"gamma"), b""]),
            d.Write(file, 20, [b"end"]),
            d.Append(file, [b"!", b"?"]),
            d.Size(file),
            d.Read(file, 0, 100),
            d.Read(file, 3, 4),
            d.Read(file, 100, 4),
            d.Sync(file),
            d.Datasync(file),
            d.Truncate(file, 4),
            d.Truncate(file, 6),
            d.Read(file, 0, 100),
            d.Close(file),
            d.Close(file),
            d.SyncDirectory(base),
        ]
    )
    whole = b"alphabetagamma" + bytes(6) + b"end!?"
    assert results[4:8] == [len(whole), whole, b"habe", b""]
    assert results[12] == b"alph\0\0"


async def test_more_chunks_than_one_call_takes(arm: Arm) -> None:
    """A write of more chunks than one system call takes is whole."""
    disk, base = arm
    file = File(f"{base}/a")
    chunks = [b"%05d" % n for n in range(2 * CHUNKS_MAX + 3)]
    results = await disk.perform([d.Create(file), d.Write(file, 2, chunks), d.Read(file, 2, 1 << 20), d.Close(file)])
    assert results[2] == b"".join(chunks)


async def test_modes_are_exact_whatever_the_umask(arm: Arm) -> None:
    """Modes of what is made are those asked for, whatever the umask."""
    disk, base = arm
    before = os.umask(0o077)
    try:
        one, two = File(f"{base}/x/y/one"), File(f"{base}/x/two")
        results = await disk.perform(
            [
                d.MakeDirectory(f"{base}/x/y", 0o755),
                d.Create(one, 0o666),
                d.Open(two, writable=True, create=0o622),
                d.Stat(one.path),
                d.Stat(two.path),
                d.Stat(f"{base}/x"),
                d.ChangeMode(two.path, 0o640),
                d.Stat(two.path),
                d.Close(one),
                d.Close(two),
            ]
        )
    finally:
        os.umask(before)
    facts: list[FileFacts] = [result for result in results if isinstance(result, FileFacts)]
    assert [(fact.kind, fact.mode) for fact in facts] == [
        (d.FileKind.FILE, 0o666),
        (d.FileKind.FILE, 0o622),
        (d.FileKind.DIRECTORY, 0o755),
        (d.FileKind.FILE, 0o640),
    ]


async def test_a_file_takes_after_another(arm: Arm) -> None:
    """A file is given the permission bits and the owner of another."""
    disk, base = arm
    model, file = File(f"{base}/model"), File(f"{base}/file")
    *_, taken, like = await disk.perform(
        [
            d.Create(model, 0o2750),
            d.Create(file, 0o600),
            d.Close(model),
            d.Close(file),
            d.TakeAfter(file.path, model.path),
            d.Stat(file.path),
            d.Stat(model.path),
        ]
    )
    assert (taken.mode, taken.owner) == (0o2750, like.owner)


async def test_a_lock_is_exclusive_until_close(arm: Arm) -> None:
    """A lock keeps others out until its file is closed."""
    disk, base = arm
    one, two = File(f"{base}/lock"), File(f"{base}/lock")
    await disk.perform([d.Open(one, writable=True, create=0o600), d.Lock(one), d.Lock(one)])
    with pytest.raises(BlockingIOError):
        await disk.perform([d.Open(two, writable=True), d.Lock(two)])
    await disk.perform([d.Close(one), d.Lock(two), d.Close(two)])


async def test_steps_before_the_failing_one_happened_and_those_after_did_not(arm: Arm) -> None:
    """A list of steps ends at the one that fails; those before it stay done."""
    disk, base = arm
    one, two = File(f"{base}/one"), File(f"{base}/two")
    assert await fails(disk, d.Create(one), d.Unlink(f"{base}/none"), d.Create(two)) == errno.ENOENT
    assert (await disk.perform([d.ListDirectory(base)]))[0] == ["one"]
    await disk.perform([d.Close(one)])


async def test_open_files_outlive_their_names(arm: Arm) -> None:
    """A file that is open is read and written after its name is gone."""
    disk, base = arm
    file = File(f"{base}/a")
    results = await disk.perform(
        [d.Create(file), d.Unlink(file.path), d.Write(file, 0, [b"x"]), d.Read(file, 0, 9), d.Close(file)]
    )
    assert results[3] == b"x"


async def test_renames_and_links(arm: Arm) -> None:
    """A rename replaces, a link shares; renaming one name of a file onto another does nothing."""
    disk, base = arm
    a = File(f"{base}/a")
    results = await disk.perform(
        [
            d.MakeDirectory(f"{base}/other"),
            d.Create(a),
            d.Write(a, 0, [b"a"]),
            d.Close(a),
            d.Link(a.path, f"{base}/b"),
            d.Rename(a.path, f"{base}/other/c"),
            d.Rename(f"{base}/b", f"{base}/other/c"),  # two names of one file: rename(2) does nothing
            d.ListDirectory(base),
            d.ListDirectory(f"{base}/other"),
            d.Unlink(f"{base}/nothing", missing_ok=True),
        ]
    )
    assert [sorted(names) for names in results[7:9]] == [["b", "other"], ["c"]]


@pytest.mark.parametrize(
    ("steps", "number"),
    [
        (lambda base: [d.Create(File(f"{base}/file"))], errno.EEXIST),
        (lambda base: [d.Open(File(f"{base}/none"))], errno.ENOENT),
        (lambda base: [d.Create(File(f"{base}/none/x"))], errno.ENOENT),
        (lambda base: [d.Create(File(f"{base}/file/x"))], errno.ENOTDIR),
        (lambda base: [d.Open(File(f"{base}/directory"), writable=True)], errno.EISDIR),
        (lambda base: [d.Read(File(f"{base}/file"), 0, 1)], errno.EBADF),
        (lambda base: [d.Unlink(f"{base}/directory")], errno.EISDIR),
        (lambda base: [d.Unlink(f"{base}/file/x")], errno.ENOTDIR),
        (lambda base: [d.Link(f"{base}/file", f"{base}/directory")], errno.EEXIST),
        (lambda base: [d.Link(f"{base}/directory", f"{base}/d2")], errno.EPERM),
        (lambda base: [d.Rename(f"{base}/none", f"{base}/x")], errno.ENOENT),
        (lambda base: [d.Rename(f"{base}/file", f"{base}/directory")], errno.EISDIR),
        (lambda base: [d.Rename(f"{base}/directory", f"{base}/file")], errno.ENOTDIR),
        (lambda base: [d.ListDirectory(f"{base}/file")], errno.ENOTDIR),
        (lambda base: [d.SyncDirectory(f"{base}/none")], errno.ENOENT),
        (lambda base: [d.MakeDirectory(f"{base}/file")], errno.EEXIST),
        (lambda base: [d.Stat(f"{base}/none")], errno.ENOENT),
        (lambda base: [d.ChangeMode(f"{base}/none", 0o600)], errno.ENOENT),
        (lambda base: [d.FreeSpace(f"{base}/none")], errno.ENOENT),
        (lambda base: [d.TakeAfter(f"{base}/none", f"{base}/file")], errno.ENOENT),
        (lambda base: [d.TakeAfter(f"{base}/file", f"{base}/none")], errno.ENOENT),
    ],
)
async def test_errors(arm: Arm, steps: Callable[[str], Sequence[Step[Any]]], number: int) -> None:
    """Each step that cannot be has its errno (twenty-one of them)."""
    disk, base = arm
    file = File(f"{base}/file")
    await disk.perform([d.MakeDirectory(f"{base}/directory"), d.Create(file), d.Close(file)])
    assert await fails(disk, *steps(base)) == number


async def test_a_file_opened_for_reading_is_not_written(arm: Arm) -> None:
    """A file opened for reading refuses writes."""
    disk, base = arm
    file = File(f"{base}/file")
    await disk.perform([d.Create(file), d.Close(file), d.Open(file)])
    assert await fails(disk, d.Write(file, 0, [b"x"])) == errno.EBADF
    assert await fails(disk, d.Append(file, [b"x"])) == errno.EBADF
    assert await fails(disk, d.Truncate(file, 0)) == errno.EINVAL
    await disk.perform([d.Close(file)])


async def test_symbolic_links(arm: Arm) -> None:
    """Links are followed unless it is forbidden: ELOOP then, and on a ring of them."""
    disk, base = arm
    file, through, refused = File(f"{base}/file"), File(f"{base}/link"), File(f"{base}/link")
    await disk.perform([d.Create(file), d.Write(file, 0, [b"here"]), d.Close(file)])
    if isinstance(disk, SimDisk):
        disk.store.make_link(f"{base}/link", "file")
        disk.store.make_link(f"{base}/round", "round")
    else:
        os.symlink("file", f"{base}/link")
        os.symlink("round", f"{base}/round")
    results = await disk.perform(
        [
            d.Open(through),
            d.Read(through, 0, 9),
            d.Close(through),
            d.Stat(through.path),
            d.Stat(through.path, follow=False),
        ]
    )
    assert results[1] == b"here"
    assert [fact.kind for fact in results[3:]] == [d.FileKind.FILE, d.FileKind.LINK]
    assert await fails(disk, d.Open(refused, follow=False)) == errno.ELOOP
    assert await fails(disk, d.Stat(f"{base}/round")) == errno.ELOOP


def make_link(disk: Disk, path: str, target: str) -> None:
    if isinstance(disk, SimDisk):
        disk.store.make_link(path, target)
    else:
        os.symlink(target, path)


async def test_below_a_folder_all_is_as_it_is_elsewhere(arm: Arm) -> None:
    """Confined to a folder, which may itself be reached by links, every step does what it does elsewhere."""
    disk, base = arm
    await disk.perform([d.MakeDirectory(f"{base}/real")])
    make_link(disk, f"{base}/folder", "real")
    home = f"{base}/folder"
    confined = d.Confined(disk, home)
    one, two, again = File(f"{home}/in/ner/one"), File(f"{home}/two"), File(f"{home}/three")
    results = await confined.perform(
        [
            d.MakeDirectory(f"{home}/in/ner", 0o755),
            d.MakeDirectory(home),
            d.Create(one, 0o666),
            d.Write(one, 0, [b"here"]),
            d.Append(one, [b"!"]),
            d.Size(one),
            d.Sync(one),
            d.Open(two, writable=True, create=0o622),
            d.TakeAfter(two.path, one.path),
            d.ChangeMode(one.path, 0o600),
            d.Link(one.path, f"{home}/linked"),
            d.Rename(two.path, again.path),
            d.Close(two),
            d.Open(again),
            d.Read(again, 0, 9),
            d.Unlink(again.path),
            d.Unlink(again.path, missing_ok=True),
            d.SyncDirectory(f"{home}/in"),
            d.SyncDirectory(home),
            d.Stat(f"{home}/linked"),
            d.Stat(f"{home}//in/./ner"),
            d.Stat(home),
        ]
    )
    facts: list[FileFacts] = [result for result in results if isinstance(result, FileFacts)]
    assert [(fact.kind, fact.mode) for fact in facts[:2]] == [(d.FileKind.FILE, 0o600), (d.FileKind.DIRECTORY, 0o755)]
    assert facts[2].kind is d.FileKind.DIRECTORY
    assert (results[5], results[14]) == (5, b"")
    assert sorted((await confined.perform([d.ListDirectory(home)]))[0]) == ["in", "linked"]
    assert (await confined.perform([d.FreeSpace(home)]))[0] > 0
    assert (await disk.perform([d.Read(one, 0, 9)]))[0] == b"here!"  # one set of open files
    await confined.perform([d.Close(one), d.Close(again)])


@pytest.mark.parametrize(
    ("steps", "number"),
    [
        (lambda home: [d.Open(File(f"{home}/link"))], errno.ELOOP),
        (lambda home: [d.Open(File(f"{home}/link"), writable=True, create=0o600)], errno.ELOOP),
        (lambda home: [d.Open(File(f"{home}/out/secret"))], errno.ENOTDIR),
        (lambda home: [d.Open(File(f"{home}/round/secret"))], errno.ENOTDIR),
        (lambda home: [d.Open(File(f"{home}/loop/link"))], errno.ENOTDIR),
        (lambda home: [d.Create(File(f"{home}/out/new"))], errno.ENOTDIR),
        (lambda home: [d.Create(File(f"{home}/dangling"))], errno.EEXIST),
        (lambda home: [d.Stat(f"{home}/out/secret")], errno.ENOTDIR),
        (lambda home: [d.Rename(f"{home}/file", f"{home}/out/new")], errno.ENOTDIR),
        (lambda home: [d.Rename(f"{home}/out/secret", f"{home}/new")], errno.ENOTDIR),
        (lambda home: [d.Link(f"{home}/file", f"{home}/out/new")], errno.ENOTDIR),
        (lambda home: [d.Unlink(f"{home}/out/secret")], errno.ENOTDIR),
        (lambda home: [d.MakeDirectory(f"{home}/out/new")], errno.ENOTDIR),
        (lambda home: [d.MakeDirectory(f"{home}/out")], errno.ENOTDIR),
        (lambda home: [d.ListDirectory(f"{home}/out")], errno.ENOTDIR),
        (lambda home: [d.SyncDirectory(f"{home}/out")], errno.ENOTDIR),
        (lambda home: [d.FreeSpace(f"{home}/out")], errno.ENOTDIR),
        (lambda home: [d.ChangeMode(f"{home}/link", 0o777)], errno.ELOOP),
        (lambda home: [d.TakeAfter(f"{home}/link", f"{home}/file")], errno.ELOOP),
        (lambda home: [d.TakeAfter(f"{home}/file", f"{home}/link")], errno.ELOOP),
        (lambda home: [d.Open(File(f"{home}/../secret"))], errno.EPERM),
        (lambda home: [d.Open(File(f"{home}/in/../../secret"))], errno.EPERM),
        (lambda home: [d.Open(File(f"{home}secret"))], errno.EPERM),
        (lambda home: [d.Stat("/")], errno.EPERM),
        (lambda home: [d.Stat("relative")], errno.EPERM),
        (lambda home: [d.Rename(f"{home}/file", f"{home}/../new")], errno.EPERM),
        (lambda home: [d.Open(File(f"{home}/none"))], errno.ENOENT),
        (lambda home: [d.Stat(f"{home}/none/x")], errno.ENOENT),
        (lambda home: [d.Stat(f"{home}/file/x")], errno.ENOTDIR),
    ],
)
async def test_below_a_folder_no_link_leads_out_of_it(
    arm: Arm, steps: Callable[[str], list[Step[Any]]], number: int
) -> None:
    """Confined to a folder, a step fails where a link would lead, and on what does not lie below it."""
    disk, base = arm
    secret, file, home = File(f"{base}/secret"), File(f"{base}/home/file"), f"{base}/home"
    await disk.perform([d.MakeDirectory(home), d.Create(secret), d.Close(secret), d.Create(file), d.Close(file)])
    for name, target in (
        ("out", ".."),
        ("round", "../home"),
        ("loop", "loop"),
        ("link", "../secret"),
        ("dangling", "../new"),
    ):
        make_link(disk, f"{home}/{name}", target)
    assert await fails(d.Confined(disk, home), *steps(home)) == number
    assert sorted((await disk.perform([d.ListDirectory(base)]))[0]) == ["home", "secret"]


async def test_below_a_folder_links_themselves_are_seen_and_removed(arm: Arm) -> None:
    """Confined to a folder, Stat tells of a link, and a link is renamed, linked and removed, not what it leads to."""
    disk, base = arm
    home = f"{base}/home"
    secret = File(f"{base}/secret")
    await disk.perform([d.MakeDirectory(home), d.Create(secret), d.Close(secret)])
    make_link(disk, f"{home}/link", "../secret")
    confined = d.Confined(disk, home)
    (facts,) = await confined.perform([d.Stat(f"{home}/link")])
    assert facts.kind is d.FileKind.LINK
    await confined.perform([d.Rename(f"{home}/link", f"{home}/other"), d.Unlink(f"{home}/other")])
    assert sorted((await disk.perform([d.ListDirectory(base)]))[0]) == ["home", "secret"]
    assert (await disk.perform([d.ListDirectory(home)]))[0] == []


async def test_performing_is_a_checkpoint_and_is_not_cut_short(arm: Arm) -> None:
    """perform is a checkpoint; cancelled before it began, it does nothing."""
    disk, base = arm
    file = File(f"{base}/file")
    with trio.CancelScope() as scope:
        scope.cancel()
        await disk.perform([d.Create(file)])
    assert scope.cancelled_caught
    assert (await disk.perform([d.ListDirectory(base)]))[0] == []
    with trio.testing.assert_checkpoints():
        await disk.perform([d.Create(file), d.Close(file)])


# -- random lists ------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "x", "x/a", "x/b", "x/y", "x/y/a", "../base/a", "./b", "a/b"])
FILES = st.integers(0, 3)
OFFSETS = st.integers(0, 40)
OCTETS = st.lists(st.binary(max_size=12), max_size=3)
MODES = st.sampled_from([0o600, 0o640, 0o755])

Recipe = Callable[[str, dict[int, File]], Step[Any]]


def made(kind: Callable[..., Step[Any]], *arguments: Any) -> Recipe:
    """A step on one of four numbered files."""
    return lambda base, files: kind(files[arguments[0]], *arguments[1:])


def opened(create: bool, number: int, name: str, writable: bool, mode: int | None) -> Recipe:
    def recipe(base: str, files: dict[int, File]) -> Step[Any]:
        files[number] = File(f"{base}/{name}")
        return d.Create(files[number], mode or 0o640) if create else d.Open(files[number], writable, mode)

    return recipe


def named(kind: Callable[..., Step[Any]], *names: str) -> Recipe:
    return lambda base, files: kind(*(f"{base}/{name}" for name in names))


RECIPES = st.one_of(
    st.builds(opened, st.booleans(), FILES, NAMES, st.booleans(), st.none() | MODES),
    st.builds(made, st.just(d.Write), FILES, OFFSETS, OCTETS),
    st.builds(made, st.just(d.Append), FILES, OCTETS),
    st.builds(made, st.just(d.Read), FILES, OFFSETS, OFFSETS),
    st.builds(made, st.just(d.Truncate), FILES, OFFSETS),
    st.builds(made, st.sampled_from([d.Size, d.Sync, d.Datasync, d.Lock, d.Close]), FILES),
    st.builds(named, st.sampled_from([d.Rename, d.Link]), NAMES, NAMES),
    st.builds(
        named,
        st.sampled_from([d.Unlink, d.MakeDirectory, d.SyncDirectory, d.ListDirectory, d.Stat]),
        NAMES,
    ),
)


def told(result: Any) -> Any:
    """What of a result both arms must agree on."""
    if isinstance(result, FileFacts):
        size = result.size if result.kind is d.FileKind.FILE else 0
        return result.kind, size, result.mode
    return sorted(result) if isinstance(result, list) else result


async def outcomes(disk: Disk, base: str, recipes: Sequence[Recipe]) -> list[Any]:
    """What each recipe came to, one ``perform`` each."""
    files = {number: File(f"{base}/never-{number}") for number in range(4)}
    came: list[Any] = []
    for recipe in recipes:
        try:
            came.append(told((await disk.perform([recipe(base, files)]))[0]))
        except OSError as error:
            came.append(errno.errorcode.get(error.errno or 0))
    return came


@given(st.lists(RECIPES, max_size=30))
@settings(max_examples=120, deadline=None)
def test_random_lists_come_to_the_same_on_both_arms(recipes: list[Recipe]) -> None:
    """Random lists of steps come to the same results and errors (a law)."""

    async def both() -> None:
        sim = SimStore().mount()
        await sim.perform([d.MakeDirectory("/base")])
        with tempfile.TemporaryDirectory() as parent:
            os.mkdir(f"{parent}/base")
            real = OsDisk()
            try:
                assert await outcomes(sim, "/base", recipes) == await outcomes(real, f"{parent}/base", recipes)
            finally:
                await real.aclose()

    trio.run(both)
