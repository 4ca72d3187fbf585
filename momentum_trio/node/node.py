"""A whole node: configuration, logs, mail plane, listeners, console; from the first file read to the last drain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import trio

from momentum_trio.config.error import render
from momentum_trio.config.schema import Schema
from momentum_trio.console.dispatch import Dispatch
from momentum_trio.console.facade import ApplyError, ListenReport
from momentum_trio.limits.local import LocalState
from momentum_trio.listener.ceiling import Ceilings, sessions_max
from momentum_trio.listener.kind import Generation, Generations, Plane, Services
from momentum_trio.listener.listen import House
from momentum_trio.log.log_options import BounceLoggerOptions, LoggerOptions
from momentum_trio.log.logs import run_logs
from momentum_trio.machine import Machine
from momentum_trio.node.administration import NodeAdministration
from momentum_trio.node.configuration import read_configuration, unbuilt, warnings, without_effect
from momentum_trio.node.link import pair
from momentum_trio.node.mail_plane import MailPlane, open_mail_plane
from momentum_trio.node.node_options import NodeOptions
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.supervisor import Supervisor
from momentum_trio.node.tables import COMMANDS, LISTENERS

OUTBOUND_PART = 4
"""That part of the seats which descriptors allow is for outbound connections."""

Say = Callable[[str], None]

LOGGERS: tuple[tuple[str, type[LoggerOptions | BounceLoggerOptions]], ...] = (
    ("ec_logger", LoggerOptions),
    ("bounce_logger", BounceLoggerOptions),
)


@dataclass(frozen=True, slots=True)
class Started:
    """What ``run_node`` reports when every socket is bound.

    listens: as the console's ``listeners`` shows them. notes: for the operator's terminal: what is not built, warnings
    with their lines.
    """

    listens: tuple[ListenReport, ...]
    notes: tuple[str, ...]
    administration: NodeAdministration


class Ended(Enum):
    """How a node ended: everything that was open finished, or it was cut short (the drain's time, a second signal)."""

    DRAINED = "drained"
    CUT = "cut"


def silent(line: str) -> None:
    """Nobody listens."""


async def run_node(
    machine: Machine,
    config_path: str,
    *,
    strict: bool = False,
    say: Say = silent,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> Ended:
    """Be a node until SIGTERM, SIGINT, the console's ``shutdown``, or cancellation. started: a Started.

    strict: refuse listeners that are not built yet. say: takes what the operator's terminal should show at once.
    Raises, alone or in groups: ConfigErrors; ApplyError (an address that cannot be had, a refusal by *strict*);
        SpoolLocked, SpoolFull, SpoolSick.
    """
    tree = await read_configuration(machine, config_path, Schema.load(DECLARED))
    notes = unbuilt(tree, LISTENERS)
    if strict and notes:
        raise ApplyError(notes)
    generations = Generations(Generation(1, tree))

    def loggers() -> Sequence[LoggerOptions | BounceLoggerOptions]:
        current = generations.current.tree
        return [
            kind.resolve(current.chain_scope(scope.kind, scope.instance))
            for word, kind in LOGGERS
            for scope in current.root.all(word)
        ]

    with trio.CancelScope() as everything:
        async with trio.open_nursery() as background:
            await background.start(run_logs, machine, loggers, say)
            ended = await _run_planes(machine, config_path, generations, background, everything, task_status)
            background.cancel_scope.cancel()
    return Ended.CUT if everything.cancelled_caught else ended


async def _run_planes(
    machine: Machine,
    config_path: str,
    generations: Generations,
    background: trio.Nursery,
    everything: trio.CancelScope,
    task_status: trio.TaskStatus[Started],
) -> Ended:
    options = NodeOptions.resolve(generations.current.tree.chain_global())
    descriptors = machine.process.raise_descriptors_max(options.descriptors)
    limits = LocalState(machine.process.hostname)
    seats = sessions_max(descriptors)
    ceilings = Ceilings(limits, seats - seats // OUTBOUND_PART)
    control_end, mail_end = pair()
    async with open_mail_plane(machine, limits, generations.current, mail_end, seats // OUTBOUND_PART) as mail:
        control = Services(machine, limits)
        draining = trio.Event()
        houses = {
            Plane.CONTROL: House(control, generations, ceilings, mail.spool.next_id, draining),
            Plane.MAIL: House(mail.services, mail.generations, ceilings, mail.spool.next_id, draining),
        }
        supervisor = Supervisor(machine, LISTENERS, houses)
        administration = NodeAdministration(machine, config_path, LISTENERS, generations, supervisor, control_end)
        control.administration = administration
        control.console = Dispatch(COMMANDS, administration)
        background.start_soon(_obey_signals, machine, administration, everything)
        ended = await _serve(generations, supervisor, administration, draining, mail, task_status)
        control_end.close()
    return ended


async def _serve(
    generations: Generations,
    supervisor: Supervisor,
    administration: NodeAdministration,
    draining: trio.Event,
    mail: MailPlane,
    task_status: trio.TaskStatus[Started],
) -> Ended:
    """Open the sockets, serve until somebody asks for the end, and drain: sessions here, deliveries at the caller's."""
    async with trio.open_nursery() as serving:
        await serving.start(supervisor.run)
        await administration.open_first()
        tree = generations.current.tree
        told = (render(tree.warnings, tree.sources()),) if tree.warnings else ()
        notes = (
            *(f"warning: {note}" for note in (*unbuilt(tree, LISTENERS), *without_effect(tree), *warnings(tree))),
            *told,
        )
        task_status.started(Started(tuple(administration.listeners()), notes, administration))
        await administration.shutdown.wait()
        seconds = NodeOptions.resolve(generations.current.tree.chain_global()).drain_timeout
        mail.drain_until = trio.current_time() + seconds
        draining.set()
        with trio.move_on_at(mail.drain_until) as patience:
            await supervisor.close()
            await supervisor.over.wait()
        serving.cancel_scope.cancel()
    return Ended.CUT if patience.cancelled_caught else Ended.DRAINED


async def _obey_signals(machine: Machine, administration: NodeAdministration, everything: trio.CancelScope) -> None:
    """The first SIGTERM or SIGINT drains, a second one ends at once."""
    async with machine.process.signals("SIGTERM", "SIGINT") as arrivals:
        async for _ in arrivals:
            if administration.shutdown.is_set():
                everything.cancel()
            administration.request_shutdown()
