"""Members of the message bus: a process beside each node that a scenario has one at, and what all of them saw.

A member is a process of its own, connected to the node as any client of the bus is (bus_client.py). It does what the
scenario's acts say (member_acts.py), and nothing else. Killed, it comes back with its node, or a moment after it
crashed, and joins again what it was in: a careful client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import trio

from momentum_trio.machine import Machine
from momentum_trio.msgc.member import Member as BusMember
from momentum_trio.net.group import Apart, GroupView, Service, Told

from .bus import Began, BusHistory, Deed, Entry, Joined, Left, Spoke
from .bus_client import client, meeting_seconds, settle_limit
from .host import Host, Life, NoHost, ProcessDied, current_life
from .kernel import Kernel
from .member_acts import Crash, Join, Leave, Publish, Stall, Tell, act_of
from .scenario import Fault, FaultKind, HostPlan, Scenario

LOOK_SECONDS = 0.5  # between two looks whether views are right
LAST_WORDS_SECONDS = 20.0  # until what was said in the right views has come to everybody
READY_SECONDS = 60.0  # until all are connected first


class Member:
    """The member beside one node, over all its processes. note: keeps what it does and sees.

    name: what the bus calls it; empty while it is not connected. joined: the groups it means to be in. views: the last
    one it saw of each group since it was connected; heard: all octets it was told since its process began.
    """

    def __init__(self, plan: HostPlan, note: Callable[[str, int, Deed], object]) -> None:
        self.plan = plan
        self.life: Life | None = None
        self.is_starting = False
        self.joined: dict[str, None] = {}
        self.views: dict[str, GroupView] = {}
        self.heard: dict[bytes, None] = {}
        self._note = note
        self._name: Callable[[], str] = str
        self._told: deque[Deed] = deque()
        self._woken = trio.Event()
        self._texts = 0

    @property
    def alive(self) -> bool:
        """Whether its process is."""
        return self.life is not None and self.life.alive

    @property
    def name(self) -> str:
        return self._name() if self.alive else ""

    async def start(self, host: Host) -> None:
        """Start its process, which does not wait for the node. Raises: what ``Host.start`` raises."""
        self._told.clear()
        self.views.clear()
        self.heard.clear()
        self.is_starting = True  # on a frozen host until it thaws
        try:
            self.life = await host.start(self._run)
        finally:
            self.is_starting = False

    def do(self, *deeds: Deed) -> None:
        """Have its process do that: join, leave, or say what is not said yet."""
        self._told.extend(deeds)
        self._woken.set()

    def words(self, octets: int) -> bytes:
        """Octets that nobody said before, so many at least."""
        self._texts += 1
        return f"{self.plan.name}:{self._texts} ".encode().ljust(octets, b".")

    async def _run(self, machine: Machine, *, task_status: trio.TaskStatus[None]) -> None:
        member = client(machine, self.plan)
        keep = partial(self._keep, current_life())
        self._name = lambda: member.name
        keep(Began())
        self.do(*map(Joined, self.joined))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(member.run)
            nursery.start_soon(self._listen, member, keep)
            nursery.start_soon(self._obey, member, keep)
            task_status.started()

    async def _listen(self, member: BusMember, keep: Callable[[Deed], object]) -> None:
        while True:
            event = await member.next_event()
            keep(event)
            match event:
                case Told():
                    self.heard[event.octets] = None
                case GroupView():
                    self.views[event.group] = event
                case Apart():
                    self.views.clear()

    async def _obey(self, member: BusMember, keep: Callable[[Deed], object]) -> None:
        while True:
            while self._told:
                keep(_done(member, self._told.popleft()))
            self._woken = trio.Event()
            await self._woken.wait()

    def _keep(self, life: Life, deed: Deed) -> None:
        """Keep it, unless the process is dead: then what its tasks still do has no effect."""
        if not life.alive:
            return
        if isinstance(deed, Joined):
            self.joined[deed.group] = None
        elif isinstance(deed, Left):
            self.joined.pop(deed.group, None)
            self.views.pop(deed.group, None)
        self._note(self.plan.name, life.number, deed)


def _done(member: BusMember, deed: Deed) -> Deed:
    """*deed* as it was done."""
    match deed:
        case Joined(group):
            member.join(group)
        case Left(group):
            member.leave(group)
        case Spoke(_, group, to, octets, service):
            sender = member.name
            taken = member.tell(to, octets) if to else member.publish(group, octets, service)
            return deed._replace(sender=sender, taken=taken)
    return deed


class Members:
    """All members of a run. now: virtual seconds since the load began."""

    def __init__(
        self, scenario: Scenario, history: BusHistory, hosts: dict[str, Host], kernel: Kernel, now: Callable[[], float]
    ) -> None:
        self._history, self._hosts, self._kernel, self._now = history, hosts, kernel, now
        told = {fault.targets[0]: None for fault in scenario.faults if fault.kind is FaultKind.MEMBER}
        self._members = {name: Member(scenario.host(name), self._note) for name in told}
        self.limit, self._meeting = settle_limit(scenario), meeting_seconds(scenario)

    def _note(self, host: str, life: int, deed: Deed) -> None:
        self._history.entries.append(Entry(self._now(), host, life, deed))

    async def start(self, host: str) -> None:
        """Start the one beside the node of *host*, if there is to be one and none runs or is being started."""
        member = self._members.get(host)
        if member is not None and not member.alive and not member.is_starting:
            await member.start(self._hosts[host])

    async def ready(self) -> None:
        """Wait until all are connected for the first time, and nodes of one bus with each other."""
        with trio.move_on_after(READY_SECONDS):
            while not all(member.name for member in self._members.values()):  # noqa: ASYNC110 (they come and go)
                await trio.sleep(LOOK_SECONDS)
        await trio.sleep(self._meeting)

    # -- acts

    def act(self, nursery: trio.Nursery, fault: Fault) -> None:
        """Have one do what *fault* says, if it is there."""
        member = self._members[fault.targets[0]]
        life, act = member.life, act_of(fault.text)
        if life is None or not life.alive:
            return
        match act:
            case Join(group):
                member.do(Joined(group))
            case Leave(group):
                member.do(Left(group))
            case Publish(group, service, count, octets):
                member.do(*[Spoke("", group, "", member.words(octets), service, False) for _ in range(count)])
            case Tell(host, count):
                if to := self._name_beside(host):
                    member.do(*[Spoke("", "", to, member.words(0), Service.FIFO, False) for _ in range(count)])
            case Stall(seconds):
                life.pause()
                self._kernel.after(seconds, life.resume)
            case Crash(seconds):
                life.kill()
                nursery.start_soon(self._back, fault.targets[0], life, seconds)

    def _name_beside(self, host: str) -> str:
        return self._members[host].name if host in self._members else ""

    async def _back(self, host: str, life: Life, seconds: float) -> None:
        await life.died.wait()  # on a frozen host that is when it thaws
        await trio.sleep(seconds)
        try:
            await self.start(host)
        except (NoHost, ProcessDied, OSError):
            pass  # it comes back with its node

    # -- the end

    async def settle(self, living: Sequence[str]) -> None:
        """Wait until everybody of *living* sees the right views, and hears what the others say then."""
        members = [member for name, member in self._members.items() if name in living]
        began, history = self._now(), self._history
        history.settle_limit_seconds = self.limit
        for member in members:
            if member.life is not None:
                member.life.resume()
        history.settled_after = await self._right_and_still(members, began)
        if history.settled_after is not None:
            await self._last_words(members)

    async def _right_and_still(self, members: Sequence[Member], began: float) -> float | None:
        """When, after *began*, the views became right that then stayed as they were for as long as nodes need to meet.

        For what was broken last may not have been noticed yet: views of before are right, and about to change.
        """
        history, since, seen = self._history, began, list[dict[str, GroupView]]()
        while self._now() - began < self.limit + self._meeting:
            history.wrong, views = wrong_views(members), [dict(member.views) for member in members]
            if history.wrong or views != seen:
                since, seen = self._now(), views
            elif self._now() - since >= self._meeting:
                return since - began
            await trio.sleep(LOOK_SECONDS)
        history.wrong = history.wrong or ["they are right, and change again and again"]
        return None

    async def _last_words(self, members: Sequence[Member]) -> None:
        """Everybody says one thing more in each of its groups; wait until all of those have heard it."""
        for group, speaker in [(group, member) for member in members for group in member.joined]:
            octets = speaker.words(0)
            speaker.do(Spoke("", group, "", octets, Service.SAFE, False))
            self._history.last_words += [(each.plan.name, group, octets) for each in members if group in each.joined]
        with trio.move_on_after(LAST_WORDS_SECONDS):
            while any(octets not in self._members[host].heard for host, _, octets in self._history.last_words):  # noqa: ASYNC110
                await trio.sleep(LOOK_SECONDS)


def wrong_views(members: Sequence[Member]) -> list[str]:
    """What is wrong with the last view that each of *members* saw of each group it is in, in words.

    Right is a regular view, the same for all, of all who are in the group and nobody else, in the primary component.
    """
    wrong = [f"the member beside {each.plan.name} is not connected" for each in members if not each.name]
    for group in sorted({group for each in members for group in each.joined}):
        inside = [each for each in members if group in each.joined]
        names, views = {each.name for each in inside}, [each.views.get(group) for each in inside]
        for each, view in zip(inside, views, strict=True):
            if view is None or view.transitional or not view.primary or {*view.members} != names:
                wrong.append(f"{each.plan.name} sees of {group} {shown(view)}; in it are {', '.join(sorted(names))}")
        if len({(view.id, view.number, view.members) for view in views if view is not None}) > 1:
            wrong.append(f"not all see the same view of {group}: {', '.join(map(shown, views))}")
    return wrong


def shown(view: GroupView | None) -> str:
    """*view* in short."""
    if view is None:
        return "no view"
    kind = "transitional " if view.transitional else "" if view.primary else "minor "
    return f"{kind}view {view.id.epoch}.{view.id.proposer}/{view.number} of {', '.join(view.members)}"
