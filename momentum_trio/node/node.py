"""A whole node: configuration, logs, mail plane, listeners, console; from the first file read to the last drain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial

import trio

from momentum_trio.cluster.leases import LeasedState
from momentum_trio.config.error import render
from momentum_trio.config.schema import Schema
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.dispatch import Dispatch
from momentum_trio.console.facade import ApplyError, ListenReport
from momentum_trio.events.event_options import EventOptions
from momentum_trio.events.hub import Hub
from momentum_trio.limits.local import LocalState
from momentum_trio.listener.ceiling import Ceilings, sessions_max
from momentum_trio.listener.failure import on_purpose
from momentum_trio.listener.handshake import Handshakes
from momentum_trio.listener.kind import Generation, Generations, Plane, Services
from momentum_trio.listener.listen import House
from momentum_trio.log.log_options import BounceLoggerOptions, HttpLoggerOptions, LoggerOptions
from momentum_trio.log.logs import AnyLoggerOptions, Logs, run_logs
from momentum_trio.machine import Machine
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.administration import NodeAdministration
from momentum_trio.node.bus_plane import bus_problems, run_bus
from momentum_trio.node.census import Census
from momentum_trio.node.certificates import unusable_certificates
from momentum_trio.node.cluster_plane import ClusterPlane, dial_bus
from momentum_trio.node.cluster_standing import cluster_problems
from momentum_trio.node.configuration import read_configuration, warnings, without_effect
from momentum_trio.node.instruments import NodeInstruments
from momentum_trio.node.link import Belongs, pair
from momentum_trio.node.mail_plane import open_mail_plane
from momentum_trio.node.measures import Measures
from momentum_trio.node.node_options import NodeOptions
from momentum_trio.node.pid_file import remove_pid_file, write_pid_file
from momentum_trio.node.policies import load_policies
from momentum_trio.node.privilege import about_privileges, close_all, first_sockets, load_first, whom_to_become
from momentum_trio.node.program import Mail, Program
from momentum_trio.node.recent_panics import RecentPanics
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.service_notice import give_signs_of_life, ready
from momentum_trio.node.shared_state import open_shared_state, shared_state_problems
from momentum_trio.node.signals import obey_end, obey_reload, obey_reopen, tell_stopping
from momentum_trio.node.supervisor import Supervisor
from momentum_trio.node.tables import COMMANDS, LISTENERS
from momentum_trio.protocol.cluster.membership import NodeType

OUTBOUND_PART = 4
"""That part of the seats which descriptors allow is for outbound connections."""

Say = Callable[[str], None]

NODE = Program("ecelerity", LISTENERS, COMMANDS, NodeType.MOMENTUM, open_mail_plane, unfit=lambda tree: ())
"""A node that carries mail."""

LOGGERS: tuple[tuple[str, type[AnyLoggerOptions]], ...] = (
    ("ec_logger", LoggerOptions),
    ("bounce_logger", BounceLoggerOptions),
    ("http_logger", HttpLoggerOptions),
)


@dataclass(frozen=True, slots=True)
class Started:
    """What ``run_node`` reports when every socket is bound.

    listens: as the console's ``listeners`` shows them. notes: for the operator's terminal, warnings with their lines.
    """

    listens: tuple[ListenReport, ...]
    notes: tuple[str, ...]
    administration: NodeAdministration


class Ended(Enum):
    """How a node ended: everything that was open finished, or it was cut short (the drain's time, a second signal)."""

    DRAINED = "drained"
    CUT = "cut"


def about(machine: Machine, tree: ConfigTree) -> tuple[str, ...]:
    """What an operator should know of a good configuration, a sentence each."""
    return (
        *without_effect(tree),
        *warnings(tree),
        *on_purpose(tree),
        *about_privileges(machine, tree),
    )


def silent(line: str) -> None:
    """Nobody listens."""


async def run_node(
    machine: Machine,
    config_path: str,
    program: Program = NODE,
    *,
    say: Say = silent,
    schema: Schema | None = None,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> Ended:
    """Be a node until SIGTERM, SIGINT, the console's ``shutdown``, or cancellation. started: a Started.

    SIGHUP reads the configuration again, SIGUSR1 opens the logs anew. A node that is root becomes whom ``Security``
    names before it opens anything but the sockets below port 1024.

    program: which one it is. say: takes what the operator's terminal should show at once. schema: of all that is
    declared, where the caller has it: to make it takes a while.
    Raises, alone or in groups: ConfigErrors; ApplyError (an address that cannot be had, a ``Security``
        that cannot be obeyed); OSError, when root cannot be given up; SpoolLocked, SpoolFull, SpoolSick.
    """
    tree = await read_configuration(machine, config_path, schema or Schema.load(DECLARED))
    if problems := program.unfit(tree):
        raise ApplyError(problems)
    identity = whom_to_become(machine, tree)
    sockets = await first_sockets(machine, tree, program.listeners, identity)
    try:
        async with _pid_file(machine, NodeOptions.resolve(tree.chain_global()).pid_file):
            if identity is not None:
                await load_first(machine, tree)
                await machine.process.become(identity)
            return await _run(machine, config_path, program, tree, sockets, say, task_status)
    finally:
        close_all(sockets)


@asynccontextmanager
async def _pid_file(machine: Machine, path: str) -> AsyncIterator[None]:
    """The process id in *path* for the block; nothing when there is no path. Raises ApplyError."""
    if not path:
        yield
        return
    try:
        await write_pid_file(machine, path)
    except OSError as fault:
        raise ApplyError([f"PIDFile {path}: {fault.strerror or fault}"]) from fault
    try:
        yield
    finally:
        with trio.CancelScope(shield=True):
            await remove_pid_file(machine, path)


async def _run(
    machine: Machine,
    config_path: str,
    program: Program,
    tree: ConfigTree,
    sockets: dict[Endpoint, trio.socket.SocketType],
    say: Say,
    task_status: trio.TaskStatus[Started],
) -> Ended:
    policies = await load_policies(machine, tree)
    of_cluster = (*await bus_problems(machine, tree), *cluster_problems(machine, tree), *shared_state_problems(tree))
    if problems := (*policies.problems, *of_cluster):
        raise ApplyError(problems)
    generations = Generations(Generation(1, tree, policies.plugins))

    def loggers() -> Sequence[AnyLoggerOptions]:
        current = generations.current.tree
        return [
            kind.resolve(current.chain_scope(scope.kind, scope.instance))
            for word, kind in LOGGERS
            for scope in current.root.all(word)
        ]

    with trio.CancelScope() as everything:
        async with trio.open_nursery() as background:
            logs = await background.start(run_logs, machine, loggers, say)
            ended = await _run_planes(
                machine, config_path, program, generations, sockets, logs, background, everything, task_status
            )
            background.cancel_scope.cancel()
    return Ended.CUT if everything.cancelled_caught else ended


async def _run_planes(
    machine: Machine,
    config_path: str,
    program: Program,
    generations: Generations,
    sockets: dict[Endpoint, trio.socket.SocketType],
    logs: Logs,
    background: trio.Nursery,
    everything: trio.CancelScope,
    task_status: trio.TaskStatus[Started],
) -> Ended:
    machine.events.subscribe((panics := RecentPanics()).take)
    options = NodeOptions.resolve(generations.current.tree.chain_global())
    hub = Hub(machine, EventOptions.resolve(generations.current.tree.chain_global()).kept)
    machine.events.subscribe(hub.take)
    background.start_soon(hub.run)
    descriptors = machine.process.raise_descriptors_max(options.descriptors)
    limits = LocalState(machine.process.hostname)
    seats = sessions_max(descriptors)
    everywhere = await open_shared_state(machine, generations.current.tree, limits, background)
    ceilings = Ceilings(limits, seats - seats // OUTBOUND_PART, everywhere)
    await background.start(obey_reopen, machine, logs)
    reload_by = await background.start(obey_reload, machine)
    control_end, mail_end = pair()
    async with program.open_mail(
        machine, limits, generations.current, mail_end, seats // OUTBOUND_PART, hub, everywhere
    ) as mail:
        control = Services(machine, limits, handshakes=Handshakes(machine))
        draining = trio.Event()
        houses = {
            Plane.CONTROL: House(control, generations, ceilings, mail.next_id, draining),
            Plane.MAIL: House(mail.services, mail.generations, ceilings, mail.next_id, draining),
        }
        supervisor = Supervisor(machine, program.listeners, houses, sockets)
        instruments = NodeInstruments(machine, program.listeners, supervisor, panics)
        cluster = ClusterPlane(
            machine,
            generations,
            Census(machine, supervisor.connections, mail.outbound),
            partial(dial_bus, machine, generations),
            lambda addresses: administration.serve_at(addresses),
            lambda places: control_end.tell(Belongs(places)),
            everywhere if isinstance(everywhere, LeasedState) else None,
            program.node_type,
        )
        administration = NodeAdministration(
            machine, config_path, program, generations, supervisor, control_end, logs, instruments, cluster
        )
        console = Dispatch(program.commands, administration)
        measures = Measures(machine, administration, control_end, control)
        for services in (control, mail.services):
            services.administration, services.console, services.measure = administration, console, measures
        mail.serve_nodes(administration.log_service)
        background.start_soon(run_bus, machine, generations, control)
        background.start_soon(obey_end, machine, administration, everything)
        background.start_soon(administration.roll_back_unconfirmed)
        background.start_soon(cluster.run, console)
        background.start_soon(give_signs_of_life, machine)
        background.start_soon(tell_stopping, machine, administration)
        ended = await _serve(
            machine, program, generations, supervisor, administration, draining, mail, reload_by, task_status
        )
        control_end.close()
    return ended


async def _serve(
    machine: Machine,
    program: Program,
    generations: Generations,
    supervisor: Supervisor,
    administration: NodeAdministration,
    draining: trio.Event,
    mail: Mail,
    reload_by: trio.MemorySendChannel[NodeAdministration],
    task_status: trio.TaskStatus[Started],
) -> Ended:
    """Open the sockets, serve until somebody asks for the end, and drain: sessions here, deliveries at the caller's."""
    async with trio.open_nursery() as serving:
        await serving.start(supervisor.run)
        await administration.open_first()
        tree = generations.current.tree
        told = (render(tree.warnings, tree.sources()),) if tree.warnings else ()
        unusable = await unusable_certificates(machine, None, tree)  # by whom this host has become
        notes = (
            *(f"warning: {note}" for note in (*about(machine, tree), *unusable)),
            *told,
        )
        reload_by.send_nowait(administration)
        ready(machine, f"Serving; generation {generations.current.number} of the configuration holds")
        task_status.started(Started(tuple(administration.listeners()), notes, administration))
        await administration.shutdown.wait()
        seconds = NodeOptions.resolve(generations.current.tree.chain_global()).drain_timeout
        mail.drain_until = trio.current_time() + seconds
        draining.set()
        administration.leave_cluster()
        with trio.move_on_at(mail.drain_until) as patience:
            await supervisor.close()
            await supervisor.over.wait()
        serving.cancel_scope.cancel()
    return Ended.CUT if patience.cancelled_caught else Ended.DRAINED
