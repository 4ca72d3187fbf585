"""The logs of a cluster's nodes, gathered into files: each line once, whoever crashes (docs/cluster.md).

Of each log a piece at a time: it is written down where its lines will stand, then they are appended and synced, and
only then the node hears that we have them. So the checkpoint is never ahead of what we have; a crash on this side loses
and doubles nothing, since what was written down tells how far we are; one on the other side does not, either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from momentum_trio.cluster.channel import Broken, Channel, NodePlace, answered, answers, connected, misplaced
from momentum_trio.cluster.gathered import GatheredFiles
from momentum_trio.cluster.published_options import GatheringOptions, PublishedOptions, SubscriberOptions
from momentum_trio.config.chain import Chain
from momentum_trio.config.log_place import MASTER
from momentum_trio.config.tree import ConfigTree
from momentum_trio.machine import Machine
from momentum_trio.mail.log_position import Position
from momentum_trio.mail.record import Level, Panic
from momentum_trio.msgc.msgc_options import BusSecretOptions
from momentum_trio.msgc.secret import secrets_of
from momentum_trio.protocol.cluster.eccluster import (
    REPLAY_OCTETS_MAX,
    Answer,
    Asked,
    Checkpoint,
    Failed,
    Kept,
    Lines,
    ListLogs,
    LogFacts,
    Logs,
    Replay,
    Replayed,
    Service,
)
from momentum_trio.protocol.cluster.gathered import Gathered, Source
from momentum_trio.protocol.cluster.log_path import log_path

PIECE_OCTETS = 1 << 20
ANSWERS_MAX = 1024
"""Messages in answer to one question."""
RECOVERY_SECONDS = 5.0
IDLE_SECONDS_MIN = 1.0
"""Between two questions of which the first brought nothing, whatever the intervals are."""


@dataclass(slots=True)
class PullCounts:
    """octets: of lines that were appended. pieces: in which they came. failures: connections that broke."""

    octets: int = 0
    pieces: int = 0
    failures: int = 0


async def pull_logs(
    machine: Machine,
    name: str,
    nodes: Callable[[], Sequence[NodePlace]],
    tree: Callable[[], ConfigTree],
    counts: PullCounts | None = None,
) -> None:
    """Gather the logs of *nodes* until cancelled. What fails is said in the paniclog, and tried again.

    name: of this manager's node. nodes, tree: asked again and again; this manager is not among the nodes. The template
    and modes of ``Logs`` are those that hold when it begins.
    """
    gathering = _Gathering(machine, name, tree, counts or PullCounts())
    await gathering.recover()
    under_way: dict[NodePlace, trio.CancelScope] = {}
    try:
        async with trio.open_nursery() as nursery:
            while True:
                wanted = set(nodes())
                for gone in under_way.keys() - wanted:
                    under_way.pop(gone).cancel()
                for node in sorted(wanted - under_way.keys()):
                    under_way[node] = scope = trio.CancelScope()
                    nursery.start_soon(gathering.follow, node, scope)
                await trio.sleep(max(gathering.pace.active_interval, IDLE_SECONDS_MIN))
                await gathering.files.close_idle()
    finally:
        with trio.CancelScope(shield=True):
            await gathering.files.close()


def pause(pace: PublishedOptions, *, had_lines: bool) -> float:
    """The seconds until a node is asked again; had_lines: whether it had any just now."""
    return pace.active_interval if had_lines else max(pace.idle_interval, pace.active_interval, IDLE_SECONDS_MIN)


def subscribers_of(tree: ConfigTree, manager: str, node: str) -> tuple[str, ...]:
    """As whom *manager* gathers the logs of *node*: the first that a log has; none: not at all."""
    for logs in tree.root.all("logs"):
        for its in logs.all("manager"):
            for scope in its.all("node"):
                if (its.instance, scope.instance) == (manager, node):
                    named = SubscriberOptions.resolve(Chain([scope])).subscribers
                    if named is not None:
                        return named
    return (manager, MASTER)


class _Gathering:
    def __init__(self, machine: Machine, name: str, tree: Callable[[], ConfigTree], counts: PullCounts) -> None:
        self._machine, self._name, self._tree, self._counts = machine, name, tree, counts
        self._options = GatheringOptions.resolve(tree().chain_scope("logs", ""))
        self.files = GatheredFiles(machine.disk, self._options)

    @property
    def pace(self) -> PublishedOptions:
        """How often is asked, now."""
        return PublishedOptions.resolve(self._tree().chain_scope("cluster", ""))

    async def recover(self) -> None:
        """Until what was gathered is known."""
        while True:
            try:
                for damaged in await self.files.recover():
                    self._say(Level.ERROR, f"place {damaged} is damaged: some lines of its log may come twice")
                return
            except OSError as fault:
                self._say(Level.ERROR, f"logs cannot be gathered: {fault}")
                await trio.sleep(RECOVERY_SECONDS)

    async def follow(self, node: NodePlace, scope: trio.CancelScope) -> None:
        """Gather the logs of *node* until *scope* is cancelled."""
        said = ""
        with scope:
            while True:
                try:
                    secrets = await secrets_of(self._machine, BusSecretOptions.resolve(self._tree().chain_global()))
                    async with connected(self._machine, self._name, node, secrets, Service.LOG) as channel:
                        said = ""
                        await self._converse(node, channel)
                except (Broken, OSError) as fault:
                    self._counts.failures += 1
                    if said != (said := str(fault)):
                        self._say(Level.WARNING, f"logs of {node.name}: {said}")
                await trio.sleep(max(self.pace.idle_interval, IDLE_SECONDS_MIN))

    async def _converse(self, node: NodePlace, channel: Channel) -> None:
        """Raises Broken, OSError."""
        while True:
            await channel.send([ListLogs()])
            listed = await answered(channel)
            if not isinstance(listed, Logs):
                await misplaced(channel, listed)
            moved = [await self._gather(node, channel, facts) for facts in listed.logs]
            await trio.sleep(pause(self.pace, had_lines=any(moved)))

    async def _gather(self, node: NodePlace, channel: Channel, facts: LogFacts) -> bool:
        """A piece of one log; whether there was any. Raises Broken, OSError."""
        readers = {reader.name: Position(reader.segment, reader.offset) for reader in facts.readers}
        wanted = subscribers_of(self._tree(), self._name, node.name)
        subscriber = next((each for each in wanted if each in readers), None)
        if subscriber is None:
            return False
        source = Source(node.name, facts.name, subscriber)
        gathered = self.files.gathered(source)
        if gathered.log_id == facts.log_id and gathered.position > readers[subscriber]:
            await self._checkpoint(channel, source, gathered)  # the node has not heard, or not kept it
        replayed, lines = await self._replay(channel, source, gathered)
        if replayed is None:
            return False
        if replayed.is_damaged:
            self._say(Level.ERROR, f"log {facts.name} of {node.name}: lines before {replayed.end} cannot be read")
        if not lines and replayed.end == replayed.begin:
            return False
        begin = Gathered(replayed.log_id, replayed.begin)
        path = log_path(self._options.logfile, self._machine.clock.now(), facts.name, node.name, node.subcluster)
        await self.files.append(source, begin, replayed.end, path, lines)
        self._counts.pieces, self._counts.octets = self._counts.pieces + 1, self._counts.octets + len(lines)
        await self._checkpoint(channel, source, self.files.gathered(source))
        return True

    async def _replay(self, channel: Channel, source: Source, gathered: Gathered) -> tuple[Replayed | None, bytes]:
        lines = bytearray()
        asked: Asked = Replay(source.log, source.subscriber, gathered.log_id, *gathered.position, PIECE_OCTETS)
        for answer in await _asked(channel, asked):
            match answer:
                case Lines(octets) if len(lines) + len(octets) <= REPLAY_OCTETS_MAX:
                    lines += octets
                case Replayed() if not lines or lines.endswith(b"\n"):
                    return answer, bytes(lines)
                case Failed():
                    self._say(Level.WARNING, f"log {source.log} of {source.node}: {answer.why}")
                    return None, b""
                case _:
                    await misplaced(channel, answer)
        raise AssertionError("an answer ends with what is no line")

    async def _checkpoint(self, channel: Channel, source: Source, gathered: Gathered) -> None:
        asked = Checkpoint(source.log, source.subscriber, gathered.log_id, *gathered.position)
        await channel.send([asked])
        answer = await answered(channel)
        if isinstance(answer, Failed):
            self._say(Level.WARNING, f"log {source.log} of {source.node}: {answer.why}")
        elif not isinstance(answer, Kept):
            await misplaced(channel, answer)

    def _say(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, text))


async def _asked(channel: Channel, asked: Asked) -> list[Answer]:
    """What is answered, whole. Raises Broken."""
    await channel.send([asked])
    got = await answers(channel)
    while isinstance(got[-1], Lines):
        if len(got) > ANSWERS_MAX:
            await misplaced(channel, got[-1])
        got = [*got, *await answers(channel)]
    return got
