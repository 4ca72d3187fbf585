"""What signals ask of a node: SIGTERM and SIGINT its end, SIGHUP a reload, SIGUSR1 its logs anew."""

from __future__ import annotations

import trio

from momentum_trio.config.error import ConfigErrors
from momentum_trio.console.facade import ApplyError
from momentum_trio.log.logs import Logs
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.node.administration import NodeAdministration
from momentum_trio.node.service_notice import ready, reloading, stopping


async def obey_end(machine: Machine, administration: NodeAdministration, everything: trio.CancelScope) -> None:
    """The first SIGTERM or SIGINT drains, a second one ends at once."""
    async with machine.process.signals("SIGTERM", "SIGINT") as arrivals:
        async for _ in arrivals:
            if administration.shutdown.is_set():
                everything.cancel()
            administration.request_shutdown()


async def obey_reopen(
    machine: Machine, logs: Logs, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Every SIGUSR1 has all logs opened anew."""
    async with machine.process.signals("SIGUSR1") as arrivals:
        task_status.started()
        async for _ in arrivals:
            await logs.reopen()


async def obey_reload(
    machine: Machine, *, task_status: trio.TaskStatus[trio.MemorySendChannel[NodeAdministration]]
) -> None:
    """SIGHUP has the configuration read again, by the administration that is sent to what this starts with.

    A signal that comes earlier is kept until then. Those that come during a reload make one more, not one each.
    """
    send, receive = trio.open_memory_channel[NodeAdministration](1)
    async with send, receive, machine.process.signals("SIGHUP") as arrivals:
        task_status.started(send)
        administration = await receive.receive()
        async for _ in arrivals:
            reloading(machine)
            ready(machine, await _reload(machine, administration))


async def _reload(machine: Machine, administration: NodeAdministration) -> str:
    """Reload, all or nothing; what is wrong goes to the paniclog and the terminal. Returns how it went."""
    try:
        await administration.reload()
    except ConfigErrors as faults:
        problems = [str(fault) for fault in faults.errors]
    except ApplyError as fault:
        problems = list(fault.problems)
    else:
        return f"Generation {administration.generation} of the configuration holds"
    problems.append(f"reload refused: generation {administration.generation} of the configuration still holds")
    for problem in problems:
        machine.events.publish(Panic(machine.clock.now(), Level.ERROR, problem))
    return f"Reload refused: {problems[0]}"


async def tell_stopping(machine: Machine, administration: NodeAdministration) -> None:
    """Tell the service manager once the end was asked for."""
    await administration.shutdown.wait()
    stopping(machine)
