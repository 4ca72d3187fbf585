"""Delivery into Maildirs (https://cr.yp.to/proto/maildir.html).

A message is written in ``tmp``, synced, renamed into ``new``, and ``new`` is synced: only then it is delivered. Many
messages share one disk job, and each mailbox among them is synced once. Files have LF line ends and begin with the
Return-Path line of RFC 5321 section 4.4.

Directories are made as they are needed. Before the first delivery into a mailbox in the life of this process the names
that lead to it are synced, up to the fixed part of ``Maildir_Path`` and, as far as we may read them, above it.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from momentum_trio.delivery.custody import Contents, unreadable
from momentum_trio.delivery.line_ends import LineEnds, to_lf
from momentum_trio.delivery.mailbox import Mailboxes, component, origin_of, unique_name
from momentum_trio.delivery.maildir_options import MaildirOptions
from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Deferred, Delivered, Outcome
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Close,
    Create,
    File,
    MakeDirectory,
    Rename,
    Step,
    Sync,
    SyncDirectory,
    Unlink,
    Write,
    make_durable_directory,
)
from momentum_trio.mail.stage import Stage
from momentum_trio.spool.fault import ContentDamaged, SpoolFault

JOB_OCTETS_MAX = 4 * 1024 * 1024
STREAMED_OCTETS_MIN = 1024 * 1024
CHUNK_OCTETS = 1024 * 1024
KNOWN_MAILBOXES_MAX = 100_000
KNOWN_TEMPLATES_MAX = 1000
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

NO_PATH = "451 4.3.5 [internal] Maildir_Path is not set"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message, bound for one file.

    place: of its attempt in the list. base: the fixed part of the mailbox's path. chunks: what the file begins with,
    which is all of it unless the message is streamed.
    """

    place: int
    attempt: Attempt
    mailbox: str
    base: str
    file: File
    target: str
    chunks: Sequence[bytes]


class Maildir:
    """The method MAILDIR.

    spool_place: where the spool is, which is a part of every file name, so that two nodes of one host can share
    mailboxes.
    """

    word = "MAILDIR"
    group_max = 64
    gathers = True
    attempts_max = 3
    domain_attempts_max = 2

    def __init__(self, machine: Machine, contents: Contents, spool_place: str) -> None:
        self._disk, self._contents = machine.disk, contents
        self._origin = origin_of(machine.process.hostname, spool_place)
        self._host = component(machine.process.hostname)
        self._templates: dict[str, Mailboxes] = {}
        self._known: set[str] = set()
        self._bases: set[str] = set()

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Deliver *attempts* (see Method). Small messages share jobs; those of a failing job are tried by mailbox."""
        outcomes: list[Outcome | None] = [None] * len(attempts)
        bodies: dict[str, bytes] = {}
        job: list[Parcel] = []
        job_octets = 0
        for place, attempt in enumerate(attempts):
            template = MaildirOptions.resolve(attempt.chain).path
            if not template:
                outcomes[place] = Deferred(NO_PATH)
            elif attempt.batch.octets >= STREAMED_OCTETS_MIN:
                outcomes[place] = await self._stream(self._parcel(place, attempt, template, b""))
            elif isinstance(body := await self._body(attempt, bodies), bytes):
                job.append(self._parcel(place, attempt, template, body))
                job_octets += len(body)
            else:
                outcomes[place] = body
            if job_octets >= JOB_OCTETS_MAX:
                await self._deliver(job, outcomes)
                job, job_octets = [], 0
                bodies.clear()
        await self._deliver(job, outcomes)
        whole = [outcome for outcome in outcomes if outcome is not None]
        assert len(whole) == len(attempts)
        return whole

    def _parcel(self, place: int, attempt: Attempt, template: str, body: bytes) -> Parcel:
        mailboxes = self._templates.get(template) or self._understand(template)
        path = mailboxes.path(attempt.message.forward_path)
        name = unique_name(attempt.message.message_id, self._origin, self._host)
        chunks = (return_path(attempt.batch.reverse_path), body)
        return Parcel(place, attempt, path, mailboxes.base, File(f"{path}/tmp/{name}"), f"{path}/new/{name}", chunks)

    def _understand(self, template: str) -> Mailboxes:
        if len(self._templates) >= KNOWN_TEMPLATES_MAX:
            self._templates.clear()
        mailboxes = self._templates[template] = Mailboxes(template)
        return mailboxes

    async def _body(self, attempt: Attempt, bodies: dict[str, bytes]) -> bytes | Outcome:
        """The content with LF line ends; the messages of a batch share it."""
        batch_id = attempt.batch.batch_id
        if (body := bodies.get(batch_id)) is None:
            try:
                content = await self._contents.content(batch_id)
            except (KeyError, SpoolFault) as fault:
                return unreadable(fault)
            body = bodies[batch_id] = to_lf(content)
        return body

    # Small messages, many in a job

    async def _deliver(self, job: Sequence[Parcel], outcomes: list[Outcome | None]) -> None:
        """Write *job* in one disk job; if that fails, mailbox by mailbox, so that one cannot hold up the others."""
        mailboxes: dict[str, list[Parcel]] = {}
        for parcel in job:
            mailboxes.setdefault(parcel.mailbox, []).append(parcel)
        if len(mailboxes) > 1:
            try:
                await self._write(job)
            except OSError:
                self._known.difference_update(mailboxes)  # perhaps one was removed
            else:
                for parcel in job:
                    outcomes[parcel.place] = Delivered()
                return
        for parcels in mailboxes.values():
            outcome = await self._outcome_of(self._write, parcels)
            for parcel in parcels:
                outcomes[parcel.place] = outcome

    async def _write(self, job: Sequence[Parcel]) -> None:
        """All of *job* in one list of steps, durable at its end. On failure nothing of it is left in ``tmp``."""
        made, led = await self._ways(job)
        steps = [*made]
        for parcel in job:
            steps += _begin(parcel)
        steps += [Sync(parcel.file) for parcel in job]
        steps += [Close(parcel.file) for parcel in job]
        steps += [Rename(parcel.file.path, parcel.target) for parcel in job]
        steps += [SyncDirectory(f"{path}/new") for path in dict.fromkeys(parcel.mailbox for parcel in job)]
        try:
            await self._disk.perform([*steps, *led])
        except OSError:
            await self._sweep(job)
            raise
        self._learn(job)

    # Large messages, one at a time

    async def _stream(self, parcel: Parcel) -> Outcome:
        try:
            return await self._outcome_of(self._write_parts, [parcel])
        except (KeyError, SpoolFault) as fault:
            return unreadable(fault)

    async def _write_parts(self, job: Sequence[Parcel]) -> None:
        """Write one message in parts of CHUNK_OCTETS. However it ends early, nothing of it is left in ``tmp``."""
        (parcel,) = job
        made, led = await self._ways(job)
        batch = parcel.attempt.batch
        ends, offset, written = LineEnds(), 0, sum(map(len, parcel.chunks))
        done = False
        try:
            await self._disk.perform([*made, *_begin(parcel)])
            while part := await self._contents.read(batch.batch_id, offset, CHUNK_OCTETS):
                offset += len(part)
                octets = ends.part(part)
                await self._disk.perform([Write(parcel.file, written, [octets])])
                written += len(octets)
            if offset != batch.octets:
                raise ContentDamaged(f"{offset} of {batch.octets} octets")
            await self._disk.perform(
                [
                    Write(parcel.file, written, [ends.rest()]),
                    Sync(parcel.file),
                    Close(parcel.file),
                    Rename(parcel.file.path, parcel.target),
                    SyncDirectory(f"{parcel.mailbox}/new"),
                    *led,
                ]
            )
            done = True
        finally:
            if not done:
                await self._sweep(job)
        self._learn(job)

    # Both

    async def _outcome_of(self, write: Callable[[Sequence[Parcel]], Awaitable[None]], job: Sequence[Parcel]) -> Outcome:
        """What *write* comes to for *job*, all of it in one mailbox."""
        path = job[0].mailbox
        try:
            if path in self._known:
                try:
                    await write(job)
                except FileNotFoundError:
                    self._known.discard(path)  # it was removed under us: once more, now making it
                else:
                    return Delivered()
            await write(job)
        except OSError as error:
            self._known.discard(path)
            self._bases.discard(job[0].base)
            return deferred(error)
        return Delivered()

    async def _ways(self, job: Sequence[Parcel]) -> tuple[list[Step[Any]], list[Step[Any]]]:
        """Steps that make the mailboxes of *job* not seen before, and those that make the names there durable."""
        fresh = {parcel.mailbox: parcel.base for parcel in job if parcel.mailbox not in self._known}
        for place in dict.fromkeys(fresh.values()):
            await self._make_base(place)
        made: list[Step[Any]] = [
            MakeDirectory(f"{path}/{name}", DIRECTORY_MODE) for path in fresh for name in ("tmp", "new", "cur")
        ]
        led = dict.fromkeys(place for path, top in fresh.items() for place in way(path, top))
        return made, [SyncDirectory(place) for place in led]

    async def _make_base(self, place: str) -> None:
        """See once that the fixed part of ``Maildir_Path`` is there, durably as far as we may read what is above it."""
        if place in self._bases:
            return
        await make_durable_directory(self._disk, place, DIRECTORY_MODE)
        if len(self._bases) >= KNOWN_TEMPLATES_MAX:
            self._bases.clear()
        self._bases.add(place)

    def _learn(self, job: Sequence[Parcel]) -> None:
        if len(self._known) >= KNOWN_MAILBOXES_MAX:
            self._known.clear()
        self._known.update(parcel.mailbox for parcel in job)

    async def _sweep(self, job: Sequence[Parcel]) -> None:
        """Close and remove what a failed or cancelled *job* left in ``tmp``, as far as the disk lets us."""
        with trio.CancelScope(shield=True):
            for parcel in job:
                try:
                    await self._disk.perform([Close(parcel.file), Unlink(parcel.file.path, missing_ok=True)])
                except OSError:
                    pass  # the next attempt removes it, or nobody can


def way(path: str, top: str) -> list[str]:
    """The directories whose names lead from *top* to *path*, both included."""
    places = [path]
    while places[-1] != top and len(places[-1]) > len(top):
        places.append(posixpath.dirname(places[-1]) or ".")
    return places


def return_path(reverse_path: str) -> bytes:
    """The Return-Path line of final delivery (RFC 5321 section 4.4)."""
    harmless = (
        reverse_path if reverse_path.isprintable() else "".join(c if c.isprintable() else "?" for c in reverse_path)
    )
    return f"Return-Path: <{harmless}>\n".encode()


def deferred(error: OSError) -> Deferred:
    """What an error of the disk comes to: the machine's fault, and not for ever."""
    code = "452 4.3.1" if error.errno in _FULL else "451 4.3.0"
    return Deferred(f"{code} [internal] mailbox: {error.strerror or error}", Stage.SENDING_BODY)


def _begin(parcel: Parcel) -> list[Step[Any]]:
    return [
        Unlink(parcel.file.path, missing_ok=True),  # of a life that ended between tmp and new
        Create(parcel.file, FILE_MODE),
        Write(parcel.file, 0, parcel.chunks),
    ]
