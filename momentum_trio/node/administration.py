"""The node as its console sees it: ``console.facade.Administration``, and how one generation follows another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import trio

from momentum_trio import __version__
from momentum_trio.cluster.log_service import LogService
from momentum_trio.config.difference import differences
from momentum_trio.config.dump import as_conf
from momentum_trio.config.floating import address_of, floating
from momentum_trio.config.load import checked
from momentum_trio.config.option import Option
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.writeback import edited, edits
from momentum_trio.console.command import Answer, failure
from momentum_trio.console.facade import ApplyError, ListenReport, ListenState, Summary
from momentum_trio.listener.kind import Generations, Plane
from momentum_trio.log.logs import Logs
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic, Reconfigured
from momentum_trio.node.bus_plane import bus_problems
from momentum_trio.node.certificates import unusable_certificates
from momentum_trio.node.cluster_desk import ClusterDesk
from momentum_trio.node.cluster_plane import ClusterPlane
from momentum_trio.node.cluster_standing import cluster_problems
from momentum_trio.node.config_files import ConfinedFile, confined, read_file, write_files
from momentum_trio.node.configuration import away, listens, places, read_configuration, wanted, warnings
from momentum_trio.node.confirmation import Confirmation
from momentum_trio.node.folders import Folders
from momentum_trio.node.instruments import NodeInstruments
from momentum_trio.node.link import Adopt, Ask, ControlEnd, Count, Counted, CountFromZero, Said
from momentum_trio.node.node_options import NodeOptions
from momentum_trio.node.node_to_node import published_logs
from momentum_trio.node.policies import load_policies
from momentum_trio.node.program import Program
from momentum_trio.node.reconcile import Place
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.supervisor import Prepared, Supervisor
from momentum_trio.protocol.cluster.eccluster import LogFacts
from momentum_trio.reception.policy.plugin import Plugin
from momentum_trio.reception.reception_options import NameOptions

ROLL_BACK_AGAIN_SECONDS = 10.0
"""How long after a roll back that failed (an address is taken by now) the next one is tried."""

_STARTING = frozenset(("global", "security"))  # scopes of what is read at start alone


LIMITS_DOWN = "limits over all nodes are not granted: On_Failure of Shared_State holds"


class NodeAdministration:
    """One node's.

    generations: of the control plane. draining: set by ``request_shutdown``, awaited by the node. cluster_plane: what
    it runs of its cluster.
    """

    def __init__(
        self,
        machine: Machine,
        config_path: str,
        program: Program,
        generations: Generations,
        supervisor: Supervisor,
        link: ControlEnd,
        logs: Logs,
        instruments: NodeInstruments,
        cluster_plane: ClusterPlane,
    ) -> None:
        self._machine, self._config_path, self.product = machine, config_path, program.name
        self._kinds = {kind.key: kind for kind in program.listeners}
        self._generations, self._supervisor, self._link = generations, supervisor, link
        self._logs = logs
        self.log_service = LogService(logs.durable, lambda: published_logs(self.tree))
        self._read = generations.current.tree  # what the files say
        directories = NodeOptions.resolve(self.tree.chain_global()).config_directories
        self._folders = Folders.of(NodeOptions.config_directories.name, config_path, directories)
        self.instruments, self.cluster_plane = instruments, cluster_plane
        self._here: frozenset[str] = frozenset()  # floating addresses that are ours
        self._changing = trio.Lock()
        self._confirmation = Confirmation()
        self._began = self._reset = trio.current_time()
        self.shutdown = trio.Event()

    @property
    def tree(self) -> ConfigTree:
        """The configuration that holds now."""
        return self._generations.current.tree

    @property
    def generation(self) -> int:
        """The number of the generation that holds, from 1 at the start."""
        return self._generations.current.number

    @property
    def version(self) -> str:
        """Of this program: ``0.1.0``."""
        return __version__

    @property
    def hostname(self) -> str:
        """Hostname, or the system's."""
        return NameOptions.resolve(self.tree.chain_global()).hostname or self._machine.process.hostname

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._machine.process.pid

    async def open_first(self) -> None:
        """Open the sockets of the first generation, those handed over included. Raises ApplyError."""
        kinds, supervisor = tuple(self._kinds.values()), self._supervisor
        await supervisor.settle(await supervisor.prepare(wanted(self.tree, kinds), places(self.tree, kinds)))
        for endpoint, socket in supervisor.adopted.items():
            self._say(f"a socket was handed over at {endpoint}, but no Listen wants it: closed")
            socket.close()
        supervisor.adopted.clear()

    async def apply(
        self,
        change: Callable[[ConfigTree], ConfigTree],
        description: tuple[str, ...],
        confirm_seconds: float | None = None,
    ) -> None:
        """As ``console.facade.Administration`` has it."""
        async with self._changing:
            self._check_confirmed()
            before = self.tree
            if (changed := change(before)) is not before:
                await self._adopt(checked(changed), description)
                if confirm_seconds is not None:
                    self._confirmation.begin(before, confirm_seconds)

    @property
    def unconfirmed_seconds(self) -> float | None:
        """As ``console.facade.Administration`` has it."""
        return self._confirmation.seconds_left

    async def confirm(self) -> bool:
        """As ``console.facade.Administration`` has it."""
        async with self._changing:
            if self._confirmation.waiting is None:
                return False
            self._confirmation.end()
            return True

    async def roll_back(self) -> bool:
        """As ``console.facade.Administration`` has it."""
        async with self._changing:
            if (waiting := self._confirmation.waiting) is None:
                return False
            await self._swap(waiting.before, ("rollback",))
            self._confirmation.end()
            return True

    async def roll_back_unconfirmed(self) -> None:
        """Take back each change that was not confirmed in time, until cancelled; while the node drains, none."""
        while True:
            await self._confirmation.expired()
            try:
                if not self.shutdown.is_set() and await self.roll_back():
                    self._say(f"a commit was not confirmed in time: generation {self.generation} is as before it")
            except ApplyError as fault:
                for problem in (*fault.problems, "a commit that was not confirmed is not rolled back yet"):
                    self._say(problem, Level.ERROR)
            if self._confirmation.waiting is not None:
                await trio.sleep(ROLL_BACK_AGAIN_SECONDS)

    def _check_confirmed(self) -> None:
        """Raises ApplyError while a change waits to be confirmed: what is rolled back then is that change alone."""
        if (seconds := self.unconfirmed_seconds) is not None:
            how = "'config confirm' keeps it, 'config rollback' takes it back"
            raise ApplyError([f"a commit waits to be confirmed, for {seconds:.0f} seconds more: {how}"])

    async def reload(self, path: str = "") -> None:
        """As ``console.facade.Administration`` has it."""
        async with self._changing:
            self._check_confirmed()
            tree = await self._read_anew(path)
            await self._adopt(tree, (f"reload {path}".rstrip(),))
            self._read = tree

    async def _read_anew(self, path: str) -> ConfigTree:
        """The configuration as the files have it. path: of another main file, which is read confined; or empty."""
        if not path:
            return await read_configuration(self._machine, self._config_path, self.tree.schema)
        place = await self._confined(self._folders.named(path))
        main = {place.path: await read_file(self._machine, place)}
        return await read_configuration(self._machine, place.path, self.tree.schema, main)

    async def _confined(self, path: str, *, new: bool = False) -> ConfinedFile:
        return await confined(self._machine, self._folders, path, new=new)

    async def write_back(self, path: str = "") -> Sequence[str]:
        """As ``console.facade.Administration`` has it."""
        async with self._changing:
            self._check_confirmed()
            changed = edits(self._read, self.tree, main_alone=bool(path))
            octets = {file: edited(self._read, file, found) for file, found in changed.items()}
            if path:
                new = (await self._confined(self._folders.named(path), new=True)).path
                octets = {new: edited(self._read, self._read.main, changed.get(self._read.main, []))}
            return await self._write_back(octets, new if path else self._read.main)

    async def _write_back(self, octets: Mapping[str, bytes], main: str) -> Sequence[str]:
        """Write files that are to become *octets*, once they are known to say what runs. main: the main one then."""
        if not octets:
            return ()
        read = await read_configuration(self._machine, main, self.tree.schema, octets)
        if (other := next(differences(read.root, self.tree.root), None)) is not None:
            where = self.tree.path_text(other.path) or "the file level"
            raise ApplyError(
                [f"the files would not say what holds in {where}: have they changed since they were read?"]
            )
        held = {file: known.document.source.octets for file, known in self._read.files.items() if file in octets}
        at = {file: await self._confined(file, new=file not in held) for file in octets}
        await write_files(
            self._machine,
            {at[file]: content for file, content in octets.items()},
            {at[file]: content for file, content in held.items()},
        )
        if main == self._read.main:
            self._read = read
        return tuple(octets)

    async def write_configuration(self, path: str) -> str:
        """As ``console.facade.Administration`` has it."""
        place = await self._confined(self._folders.named(path), new=True)
        await write_files(self._machine, {place: as_conf(self.tree, secrets=True).encode()}, {})
        return place.path

    async def _adopt(self, tree: ConfigTree, description: tuple[str, ...]) -> None:
        """Let *tree*, which is good, hold. Raises ApplyError with all that cannot be had: certificates, the bus,
        addresses.
        """
        problems = [
            *await unusable_certificates(self._machine, self.tree, tree),
            *await bus_problems(self._machine, tree),
            *cluster_problems(self._machine, tree),
        ]
        await self._swap(tree, description, problems)

    async def _swap(self, tree: ConfigTree, description: tuple[str, ...], problems: Sequence[str] = ()) -> None:
        """What can fail first, then what cannot, to its end. problems: what is known to be wrong already."""
        kinds = tuple(self._kinds.values())
        policies = await load_policies(self._machine, tree, self._generations.current.plugins)
        problems = (*problems, *policies.problems)
        prepared = await self._supervisor.prepare(wanted(tree, kinds, self._here), places(tree, kinds), problems)
        held_back = _held_back(self.tree, tree)
        with trio.CancelScope(shield=True):
            await self._settle(tree, policies.plugins, prepared)
            for option in held_back:
                self._say(f"{option.name} has changed: the new value holds from the next start on")
            self._machine.events.publish(Reconfigured(self._machine.clock.now(), self.generation, description))

    async def _settle(self, tree: ConfigTree, plugins: tuple[Plugin, ...], prepared: Prepared) -> None:
        generation = self._generations.advance(tree, plugins)
        await self._link.ask(Adopt(generation, away(tree, self._here)))
        await self._supervisor.settle(prepared)

    async def published_logs(self) -> Sequence[LogFacts]:
        """As ``console.facade.Administration`` has it."""
        return (await self.log_service.listed()).logs

    @property
    def cluster(self) -> ClusterDesk | None:
        """As ``console.facade.Administration`` has it."""
        life = self.cluster_plane.life
        return None if life is None else ClusterDesk(life, self._generations)

    def leave_cluster(self) -> None:
        """This node ends: other nodes get its floating addresses."""
        if (life := self.cluster_plane.life) is not None:
            life.floating.retire()

    async def serve_at(self, addresses: frozenset[str]) -> Sequence[str]:
        """Let what is at these floating addresses run here, and nothing at others: Listens, and bindings' queues.

        What holds then is another generation of the same configuration. Returns what is in the way of that, a sentence
        each: then nothing has changed. Cancellation: as of ``apply``.
        """
        async with self._changing:
            kinds = tuple(self._kinds.values())
            try:
                terms = wanted(self.tree, kinds, addresses)
                prepared = await self._supervisor.prepare(terms, places(self.tree, kinds))
            except ApplyError as fault:
                return fault.problems
            with trio.CancelScope(shield=True):
                self._here = addresses
                await self._settle(self.tree, self._generations.current.plugins, prepared)
        return ()

    async def reopen_logs(self) -> Sequence[str]:
        """As ``console.facade.Administration`` has it."""
        return await self._logs.reopen()

    def listeners(self) -> Sequence[ListenReport]:
        """As ``console.facade.Administration`` has it."""
        kinds = tuple(self._kinds.values())
        elsewhere = floating(self.tree).keys() - self._here
        return [
            self._report(place, enabled=options.enable, is_here=address_of(place.endpoint) not in elsewhere)
            for place, options in listens(self.tree, kinds).items()
        ]

    def _report(self, place: Place, *, enabled: bool, is_here: bool) -> ListenReport:
        counted, bound = self._supervisor.counted(place), self._supervisor.bound(place)
        if not enabled:
            state = ListenState.DISABLED
        elif not is_here:
            state = ListenState.ELSEWHERE
        else:
            state = ListenState.FAILED if bound is None else ListenState.OPEN
        return ListenReport(
            self._kinds[place.listener].scope,
            str(place.endpoint),
            "" if bound is None else str(bound),
            state,
            counted.sessions,
            counted.sessions_total,
            counted.octets_received,
            counted.octets_sent,
        )

    async def summary(self) -> Summary:
        """As ``console.facade.Administration`` has it."""
        counted = await self._link.ask(Count())
        assert isinstance(counted, Counted)
        now = trio.current_time()
        return Summary(
            inbound_concurrency=self._inbound(),
            outbound_concurrency=counted.outbound_concurrency,
            active_domains=counted.active_domains,
            active_queue=counted.active_queue,
            delayed_queue=counted.delayed_queue,
            delivered=counted.delivered,
            failed=counted.failed,
            rejected=counted.rejected,
            received=counted.received,
            since_reset_seconds=now - self._reset,
            uptime_seconds=now - self._began,
            warnings=(*warnings(self.tree), *(() if counted.limits_up else (LIMITS_DOWN,))),
            dns_a_queries=counted.dns_a_queries,
            dns_mx_queries=counted.dns_mx_queries,
            dns_queries=counted.dns_queries,
            dns_pending=counted.dns_pending,
        )

    async def ask_mail(self, command: str, words: Sequence[str] = ()) -> Answer:
        """As ``console.facade.Administration`` has it."""
        said = await self._link.ask(Ask(command, tuple(words)))
        assert isinstance(said, Said)
        return failure(said.text) if said.failed else Answer(said.text, said.data)

    def _inbound(self) -> int:
        """Sessions that bring mail."""
        return sum(
            report.sessions for report in self.listeners() if self._kinds[report.listener.lower()].plane is Plane.MAIL
        )

    def reset_statistics(self) -> None:
        """As ``console.facade.Administration`` has it."""
        self._reset = trio.current_time()
        self._link.tell(CountFromZero())

    def request_shutdown(self) -> None:
        """As ``console.facade.Administration`` has it."""
        self.shutdown.set()

    def _say(self, text: str, level: Level = Level.NOTICE) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, text))


def _held_back(old: ConfigTree, new: ConfigTree) -> list[Option[object]]:
    """The options whose change needs a restart and that differ at the file level, or in ``Security``."""
    return [
        option
        for option in DECLARED
        if not option.dynamic
        and option.scopes & _STARTING
        and option.resolve(old.chain_scope("security")) != option.resolve(new.chain_scope("security"))
    ]
