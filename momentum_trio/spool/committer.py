"""The committer: one task per spool that makes groups of what waits, and one worker job of each group.

Cancellation. A request is QUEUED, WITHDRAWN, HANDED or DONE. A caller cancelled while QUEUED withdraws: as if it had
never called, unless the request cannot be recalled. Once HANDED it waits for its outcome, since a record in a group
cannot be recalled; it meets Cancelled at its next checkpoint. The decision is made in the abort function, so it is
atomic, and nothing catches Cancelled.
Disk work is shielded: a committer cancelled with a group in hand still answers it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

import msgspec
import outcome
import trio

from momentum_trio.spool.compaction import Compaction
from momentum_trio.spool.content_files import ContentFiles
from momentum_trio.spool.fault import SpoolFault, SpoolFull, SpoolSick
from momentum_trio.spool.frame import MARKER_OCTETS, SEGMENT_HEADER_OCTETS, Frame
from momentum_trio.spool.keys import Keys
from momentum_trio.spool.latencies import Latencies
from momentum_trio.spool.log import Log, Report
from momentum_trio.spool.segment import Segment

GROUP_OCTETS_MAX = 4 * 1024 * 1024
GROUP_COUNT_MAX = 1024
GATHERING_SECONDS = 0.02  # what nobody waits for is written with what somebody does, or alone after so long
LAZY_SYNC_SECONDS = 1.0  # what was written but not synced waits about as long for its sync
RETRY_SECONDS_MAX = 64.0  # a failing disk is tried again for the lazy records: after 1, 2, 4 ... seconds
COMPACTION_PAUSE_SECONDS = 10.0  # after a failure of the disk while copying forward
DOUBTFUL_IN_A_LINE_MAX = 32


class Phase(Enum):
    """Where a request stands."""

    QUEUED = 1
    WITHDRAWN = 2
    HANDED = 3
    DONE = 4


class Request(msgspec.Struct, eq=False):
    """Records on their way into the log: they stand in one group, one behind the other.

    names: what a report calls them. frames: one at least. demands_sync: its caller is told when they are durable, or
    that they are not kept; the others are lazy. always_synced: also where 250 need not wait for a sync. recallable: its
    caller may withdraw. handed: called when they go into a group. kept: called with the place of each when they are in
    the log. fault: once it is DONE, why they are not kept; None: they are. awaited: None: nobody waits.
    """

    names: Sequence[str]
    frames: Sequence[Frame]
    demands_sync: bool
    always_synced: bool = False
    recallable: bool = True
    handed: Callable[[], None] | None = None
    kept: Callable[[Segment, Sequence[int]], None] | None = None
    phase: Phase = Phase.QUEUED
    fault: SpoolFault | None = None
    awaited: Awaited | None = None

    @property
    def octets(self) -> int:
        """Of all its records."""
        return sum([frame.octets for frame in self.frames])


class Awaited:
    """Requests that one task waits for. left: those without an answer."""

    __slots__ = ("left", "task")

    def __init__(self, left: int) -> None:
        self.left, self.task = left, trio.lowlevel.current_task()


class Committer:
    """Owns the log while ``run`` runs. force_fsync: sync each group that holds a request which demands it.

    group_octets_max: of records in one group, unless one request alone has more. keys: those whose time is over are
    forgotten here, between two groups. gathered: gives what nobody waits for, when a group is written anyway or
    GATHERING_SECONDS after ``expect``. latencies: of groups that were written, and synced where that was owed.
    """

    def __init__(
        self,
        log: Log,
        compaction: Compaction,
        files: ContentFiles,
        keys: Keys,
        report: Report,
        gathered: Callable[[], list[Request]],
        *,
        force_fsync: bool,
    ) -> None:
        self._log, self._compaction, self._files, self._report = log, compaction, files, report
        self._keys, self._gathered = keys, gathered
        self._force_fsync = force_fsync
        self.group_octets_max = min(GROUP_OCTETS_MAX, log.segment_octets - SEGMENT_HEADER_OCTETS - MARKER_OCTETS)
        self.latencies = Latencies()
        self._queue: deque[Request] = deque()
        self._parked: trio.lowlevel.Task | None = None
        self._closing = self._ended = False
        self._sick = False
        self._gathered_due = math.inf  # when what has gathered is written at the latest; infinity: there is nothing
        self._lazy_due = math.inf  # when the lazy records are synced, or written again
        self._lazy_delay = LAZY_SYNC_SECONDS
        self._compact_after = -math.inf

    @property
    def is_well(self) -> bool:
        """Whether the last group was written."""
        return not self._sick

    async def put(self, request: Request) -> None:
        """Have *request* written. Raises SpoolFull, SpoolSick if it demands a sync; a lazy one is carried instead.

        Cancellation: before hand-over, as if never called, if it is recallable; after it, waits for the outcome.
        """
        await self.put_all((request,))
        if request.fault is not None:
            raise request.fault

    async def put_all(self, requests: Sequence[Request]) -> None:
        """Have *requests* written, each of which is told its own fault: one at least, all of them recallable or none.

        They go into as few groups as their bounds allow. Raises SpoolSick when the spool is closed.
        Cancellation: before the first is handed over, as if never called, if they are recallable; after it, waits for
            the outcome of all.
        """
        is_recallable = requests[0].recallable
        if is_recallable:
            await trio.lowlevel.checkpoint_if_cancelled()
        if self._ended:
            raise SpoolSick("the spool is closed")
        awaited = Awaited(len(requests))
        for request in requests:
            request.awaited = awaited
        self._queue.extend(requests)
        self._wake()

        def abort(_: object) -> trio.lowlevel.Abort:
            if is_recallable and all(request.phase is Phase.QUEUED for request in requests):
                for request in requests:
                    request.phase = Phase.WITHDRAWN
                return trio.lowlevel.Abort.SUCCEEDED
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def expect(self) -> bool:
        """Something gathers from now on, if nothing did before; False: the spool is closed."""
        if self._gathered_due == math.inf and not self._ended:
            self._gathered_due = trio.current_time() + GATHERING_SECONDS
            self._wake()
        return not self._ended

    def close(self) -> None:
        """Write what is queued, sync, then end ``run``."""
        self._closing = True
        self._wake()

    async def run(self) -> None:
        """Write groups until ``close``. Cancellation: the group in hand and what is queued are written first."""
        try:
            while True:
                group = self._take()
                self._keys.expire(trio.current_time())
                if group or self._compaction_due() or trio.current_time() >= self._lazy_due:
                    with trio.CancelScope(shield=True):
                        await self._turn(group)
                elif self._closing:
                    break
                else:
                    await self._idle()
            with trio.CancelScope(shield=True):
                await self._finish()
        finally:
            self._ended = True
            for request in [request for request in self._queue if request.phase is Phase.QUEUED]:
                answer(request, SpoolSick("the spool is closed"))
            self._queue.clear()

    def _wake(self) -> None:
        if self._parked is not None:
            task, self._parked = self._parked, None
            trio.lowlevel.reschedule(task)

    async def _idle(self) -> None:
        """Until there is something to do."""

        def abort(_: object) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.move_on_at(min(self._gathered_due, self._lazy_due, self._keys.next_end)):
            self._parked = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abort)

    def _take(self) -> list[Request]:
        """The next group: within the bounds, or one request alone. Taken requests are HANDED."""
        queue, group, octets = self._queue, list[Request](), 0
        if queue or self._closing or trio.current_time() >= self._gathered_due:
            self._gathered_due = math.inf
            queue.extend(self._gathered())
        while queue and len(group) < GROUP_COUNT_MAX:
            request = queue[0]
            if request.phase is Phase.QUEUED:
                octets += request.octets
                if group and octets > self.group_octets_max:
                    break
                request.phase = Phase.HANDED
                group.append(request)
                if request.handed is not None:
                    request.handed()
            queue.popleft()
        return group

    async def _turn(self, group: list[Request]) -> None:
        """Write one group and do what has become due."""
        group_done = False
        try:
            if group or trio.current_time() >= self._lazy_due:
                await self._write(group)
            group_done = True
        finally:
            if not group_done:  # power is gone, or a fault of ours: nobody may wait for ever
                for request in group:
                    if request.phase is Phase.HANDED:
                        answer(request, SpoolSick("the committer failed"))
        try:
            await self._log.drop_dead_segments()
            if self._compaction_due():
                await self._compact()
        except (OSError, SpoolFault) as error:
            self._compact_after = trio.current_time() + COMPACTION_PAUSE_SECONDS
            self._report(f"spool: compaction pauses: {error}")

    async def _write(self, group: list[Request]) -> None:
        log = self._log
        firm = [request for request in group if request.demands_sync]
        lazy = [request for request in group if not request.demands_sync]
        began = trio.current_time()
        due = began >= self._lazy_due
        try:
            if group or log.carried:
                frames, lazy_frames = frames_of(firm), frames_of(lazy)
                sync = due or any(self._force_fsync or request.always_synced for request in firm)
                appended = await log.append(frames, lazy_frames, sync=sync)
                at = 0
                for request in firm:
                    after = at + len(request.frames)
                    if request.kept is not None:
                        request.kept(appended.segment, appended.places[at:after])
                    at = after
                    answer(request)
            else:
                await log.sync()
        except SpoolFault as fault:
            self._tell_failure(fault, firm)
            for request in firm:
                answer(request, type(fault)(str(fault)))
            self._lazy_due = trio.current_time() + self._lazy_delay
            self._lazy_delay = min(2 * self._lazy_delay, RETRY_SECONDS_MAX)
            if isinstance(fault, SpoolFull):
                await self._files.empty_retired()
        else:
            self.latencies.observe(trio.current_time() - began)
            self._went_well()
        for request in lazy:
            answer(request)
        await self._remove_retired()

    async def _remove_retired(self) -> None:
        """Files of concluded batches, once no outcome is in doubt."""
        if not self._log.unsynced_octets and not self._log.carried:
            await self._files.remove_retired()

    def _went_well(self) -> None:
        self._lazy_delay = LAZY_SYNC_SECONDS
        if not self._log.unsynced_octets:
            self._lazy_due = math.inf
        else:
            self._lazy_due = min(self._lazy_due, trio.current_time() + LAZY_SYNC_SECONDS)
        if self._sick:
            self._sick = False
            self._report("spool: writes again")

    def _tell_failure(self, fault: SpoolFault, firm: Sequence[Request]) -> None:
        if not self._sick:
            self._sick = True
            self._report(f"spool: cannot write: {fault}")
        if fault.doubtful:
            names = [name for request in firm for name in request.names]
            for first in range(0, len(names), DOUBTFUL_IN_A_LINE_MAX):
                some = " ".join(names[first : first + DOUBTFUL_IN_A_LINE_MAX])
                self._report(f"spool: refused after a failed sync, may appear twice: {some}")

    def _compaction_due(self) -> bool:
        return self._compaction.due(self._log.active) and trio.current_time() >= self._compact_after

    async def _compact(self) -> None:
        """Copy some of the oldest segment forward, in a durable group of its own."""
        copies = await self._compaction.copies()
        if copies:
            appended = await self._log.append([copy.frame for copy in copies], [], sync=True)
            for copy, place in zip(copies, appended.places, strict=False):
                self._compaction.moved(copy, appended.segment, place)
            self._went_well()
            await self._remove_retired()  # the sync of the copies was that of the outcomes before them
        await self._log.drop_dead_segments()

    async def _finish(self) -> None:
        """The last sync. What fails here costs duplicates after power loss at most."""
        try:
            if self._log.carried:
                await self._log.append([], [], sync=True)
            else:
                await self._log.sync()
        except SpoolFault as fault:
            self._report(f"spool: the last sync failed: {fault}")
        else:
            await self._files.remove_retired()
        await self._log.close()


def frames_of(requests: Sequence[Request]) -> list[Frame]:
    """Their records, in order."""
    return [frame for request in requests for frame in request.frames]


def answer(request: Request, fault: SpoolFault | None = None) -> None:
    """Tell the caller of *request*, which is HANDED (or QUEUED, when the committer ends)."""
    assert request.phase in (Phase.HANDED, Phase.QUEUED)
    request.phase, request.fault = Phase.DONE, fault
    awaited = request.awaited
    if awaited is None:
        return
    awaited.left -= 1
    if not awaited.left:
        trio.lowlevel.reschedule(awaited.task, outcome.Value(None))
