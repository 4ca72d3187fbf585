"""What there is to see where the world stands, as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from momentum_trio.machine.disk import FileKind
from momentum_trio.node.node_options import SpoolOptions

from ..arrivals import Delivery
from ..consoles import node_of
from ..disk import SimStore
from ..evidence import Arrived, Attempt, Struck, Told
from ..kernel import TraceLine
from ..letter import name_in
from ..run import Course
from ..said import nearest
from ..scenario import FaultKind, HostPlan, Mail, Program
from ..service import Service
from ..show_words import strikes
from .line import UNTIL_HEALED, Misunderstood

LINES_MAX = 200  # of one answer
OCTETS_SHOWN = 4_000
CONNECTIONS_SHOWN = 20


def clock(seconds: float) -> str:
    """``12.500 s``."""
    return f"{seconds:.3f} s"


def visible(text: str) -> str:
    """*text* with control characters shown."""
    return "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def trace_line(line: TraceLine, began: float) -> str:
    """A line of the trace, its time from when the load began."""
    return one_line(f"  {line.time - began:.6f} {str(line).partition(' ')[2]}")


def fault(struck: Struck) -> str:
    """What struck, and until when."""
    fault = struck.fault
    if not struck.did and fault.kind is FaultKind.POWER_AT_STEP:
        return f"{fault.targets[0]} will lose power after {fault.amount:g} more steps of its disk"
    if not struck.did or not fault.seconds:
        return strikes(struck)
    if fault.seconds == UNTIL_HEALED:
        return f"{strikes(struck)}, until healed"
    return f"{strikes(struck)}, until {clock(struck.began + fault.seconds)}"


class Views:
    """Of one course."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._hosts = course.world.hosts

    def there(self) -> dict[Delivery, list[Arrived]]:
        """What lies where now."""
        found: dict[Delivery, list[Arrived]] = {}
        for arrived in self._course.arrivals.there(self._hosts):
            if (name := name_in(arrived.octets)) is not None:
                found.setdefault((name, arrived.forward_path), []).append(arrived)
        return found

    # -- where

    def where(self) -> Iterator[str]:
        """Time, faults in force, each host, connections."""
        course = self._course
        yield f"{clock(course.now())} after the load began"
        for struck, _ in course.stage.active:
            yield f"  since {clock(struck.began)}: {fault(struck)}"
        there = self.there()
        for plan in course.scenario.hosts:
            facts = [self._state(plan), *self._work(plan, there)]
            yield f"  {plan.name} ({plan.program.value}): {', '.join(facts)}"
            yield from (f"    {line}" for line in self._kept(plan, there))
        yield from self._connections()

    def _state(self, plan: HostPlan) -> str:
        host, up = self._hosts[plan.name], self._course.stage.up[plan.name]
        if not host.powered:
            return "no power"
        if host.frozen:
            return "frozen"
        if up.holds:
            return "down"
        if not isinstance(up, Service):
            return "up"
        if up.life is None or not up.running:
            return "starting"
        return f"{up.life.condition or 'up'} ({up.life})"

    def _work(self, plan: HostPlan, there: Mapping[Delivery, object]) -> Iterator[str]:
        """Sessions and what is owed."""
        course, up = self._course, self._course.stage.up[plan.name]
        if plan.program is Program.CLIENT:
            own = [sender for sender in course.senders if sender.source == plan.name and course.begun(sender)]
            yield f"{sum(not sender.done for sender in own)} of {counted(len(own), 'session')} not done"
            yield f"{counted(sum(len(sender.owed) for sender in own), 'mail')} not answered for good"
            return
        if isinstance(up, Service) and up.running and (node := node_of(up)) is not None:
            yield counted(sum(report.sessions for report in node.administration.listeners()), "session")
        owed = {
            (attempt.mail.name, path): None
            for attempt in course.evidence.attempts
            if attempt.told is Told.ACCEPTED and attempt.target_host == plan.name
            for path in attempt.forward_paths
        }
        left = sum(delivery not in there for delivery in owed)
        yield f"accepted {counted(len(owed), 'delivery', 'deliveries')}, {left} not seen at the end yet"

    def _kept(self, plan: HostPlan, there: Mapping[Delivery, list[Arrived]]) -> Iterator[str]:
        """Spool and mailboxes."""
        up = self._course.stage.up[plan.name]
        if isinstance(up, Service) and (node := node_of(up)) is not None:
            base = SpoolOptions.resolve(node.administration.tree.chain_global()).base
            files = files_below(self._hosts[plan.name].store, base)
            yield f"spool {base}: {counted(len(files), 'file')}, {sum(files.values())} octets"
        boxes = Counter(each.forward_path for all_ in there.values() for each in all_ if each.host == plan.name)
        if boxes:
            yield f"holds {', '.join(f'{path} {number}' for path, number in sorted(boxes.items()))}"

    def _connections(self) -> Iterator[str]:
        """Each once, from the one with the higher port, the client."""
        ends = {end.number: end for host in self._hosts.values() for end in host.ends if end.tcp}
        for end in [ends[number] for number in sorted(ends)][:CONNECTIONS_SHOWN]:
            sides = [(end.host.name, str(end.local)), (end.peer.host.name, str(end.remote))]
            sides.sort(key=lambda side: -int(side[1].rpartition(":")[2]))
            yield f"  connection {' > '.join(f'{name} {address}' for name, address in sides)}"
        if len(ends) > CONNECTIONS_SHOWN:
            yield f"  ... and {len(ends) - CONNECTIONS_SHOWN} more connections"

    # -- mail

    def mails(self) -> Iterator[str]:
        """Each mail that was tried, and how far it is."""
        there = self.there()
        last: dict[str, Attempt] = {}
        for attempt in self._course.evidence.attempts:
            last[attempt.mail.name] = attempt
        if not last:
            yield "No client has had an answer yet."
        for name, attempt in list(last.items())[-LINES_MAX:]:
            yield f"  {name}: {attempt.told.value} at {clock(attempt.ended)}; {_lies(attempt.mail, there)}"

    def mail(self, name: str) -> Iterator[str]:
        """All that is known of one."""
        mail = self._course.stage.mails.get(name)
        if mail is None:
            raise Misunderstood(f"there is no mail '{name}' ({nearest(name, self._course.stage.mails)})")
        source = f"{mail.source} {mail.source_address}".strip()
        yield f"{name}: from {source} to {mail.target}:{mail.port} at {clock(mail.at_seconds)}, {mail.octets} octets"
        yield f"  <{mail.reverse_path}> to {' '.join(mail.forward_paths)}"
        for attempt in self._course.evidence.attempts:
            if attempt.mail.name == name:
                times = f"{clock(attempt.began)} to {clock(attempt.ended)}"
                yield f"  {times}: {attempt.told.value} «{one_line(attempt.reply)}»"
                yield from (f"    {path}: «{one_line(reply)}»" for path, reply in attempt.refused_paths)
        there = self.there()
        for path in mail.forward_paths:
            for arrived in there.get((name, path), ()):
                yield f"  {path} lies on {arrived.host}: {arrived.place}"
        yield f"  {_lies(mail, there)}"

    # -- disk

    def disk(self, host: str, path: str) -> Iterator[str]:
        """The files below *path*, or what is in it."""
        store = self._hosts[host].store
        try:
            inode = store.find(path)
        except OSError as fault:
            raise Misunderstood(f"{host}:{path}: {fault.strerror}") from None
        if inode.kind is FileKind.FILE:
            yield from _content(bytes(inode.memory))
            return
        files = store.files(path)
        for number, (name, octets) in enumerate(sorted(files.items())):
            if number == LINES_MAX:
                yield f"  ... and {len(files) - LINES_MAX} more files"
                return
            file = store.find(name)
            unsynced = "" if file.memory == file.durable else f" ({len(file.durable)} synced)"
            yield f"  {octets:8d} {visible(name)}{unsynced}"
        if not files:
            yield f"There is no file below {host}:{path}."


def files_below(store: SimStore, path: str) -> dict[str, int]:
    """As ``SimStore.files``; none if there is no such folder."""
    try:
        return store.files(path)
    except FileNotFoundError:
        return {}


def one_line(text: str) -> str:
    """*text* with its ends of line shown."""
    return visible(text.rstrip()).replace("\n", "\\n")


def _content(octets: bytes) -> Iterator[str]:
    shown = octets[:OCTETS_SHOWN].replace(b"\r\n", b"\n").decode("utf-8", "backslashreplace")
    yield from (f"  {line}" for line in visible(shown).split("\n"))
    if len(octets) > OCTETS_SHOWN:
        yield f"  ... {len(octets)} octets in all"


def _lies(mail: Mail, there: Mapping[Delivery, list[Arrived]]) -> str:
    """How many of its forward-paths have it."""
    copies = [len(there.get((mail.name, path), ())) for path in mail.forward_paths]
    more = f", {sum(copies)} copies" if sum(copies) > len(copies) else ""
    return f"at its end for {sum(map(bool, copies))} of {counted(len(copies), 'recipient')}{more}"


def counted(number: int, what: str, many: str = "") -> str:
    """``1 mail``, ``2 mails``."""
    return f"{number} {what if number == 1 else many or what + 's'}"
