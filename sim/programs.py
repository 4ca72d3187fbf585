"""The programs of a run: each on its host, kept running there, and what is known of their lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

import trio

from momentum_trio.node.eccmgr import MANAGER
from momentum_trio.node.node import NODE, run_node

from .checks.configuration import known_schema
from .checks.webhooks_told import hook_ports
from .evidence import Evidence, Lived
from .hook import Hooked, run_hook
from .host import Host, Life
from .members import Members
from .nameserver import Nameserver
from .scenario import HostPlan, Program
from .service import Service, Up
from .sink import run_sink

START_SECONDS = 60.0  # every program is started by then, or something is wrong with it
LOOK_SECONDS = 1.0  # how often it is looked whether they are


class Programs:
    """up: every host of the scenario by its name; those with a program are Services.

    hosts: all of them. now: virtual seconds since the load began. troubled, complain: as a Service has them.
    """

    def __init__(
        self,
        evidence: Evidence,
        hosts: dict[str, Host],
        nameservers: dict[str, Nameserver],
        members: Members,
        now: Callable[[], float],
        troubled: Callable[[str], bool],
        complain: Callable[[str, str], object],
    ) -> None:
        self._evidence, self._nameservers, self._members = evidence, nameservers, members
        self._now, self._troubled, self._complain = now, troubled, complain
        self.hosts = hosts
        self._lives: list[tuple[Lived, Life]] = []
        self._hooks: dict[tuple[str, int], Life] = {}
        self.up = {plan.name: self._up(plan, hosts[plan.name]) for plan in evidence.scenario.hosts}

    def services(self, among: Sequence[str] | None = None) -> list[Service]:
        """Those on the hosts *among*, or on all."""
        return [up for name, up in self.up.items() if isinstance(up, Service) and (among is None or name in among)]

    async def started(self, services: list[Service]) -> bool:
        """Wait until all of *services* run. Those that do not are complained of."""
        with trio.move_on_after(START_SECONDS):
            while not all(service.running for service in services):  # noqa: ASYNC110 (they come and go)
                await trio.sleep(LOOK_SECONDS)
            return True
        for service in services:
            if not service.running:
                service.complain(f"is not started after {START_SECONDS:g} s")
        return False

    def count(self, into: dict[str, dict[str, int]]) -> None:
        """What each that runs has open."""
        for service in self.services():
            if service.life is not None and service.running:
                into[service.host.name] = asdict(service.life.usage())

    def note_ends(self) -> None:
        """When lives of nodes ended, for the evidence."""
        for lived, life in self._lives:
            if life.died_at is not None:
                lived.ended = life.died_at - self._evidence.load_began

    def _up(self, plan: HostPlan, host: Host) -> Up:
        if plan.program is Program.CLIENT:
            return Up(host)

        async def start() -> Life:
            if plan.program is Program.SINK:
                return await host.start(run_sink, plan.sink, self._evidence.heard.append)
            if plan.program is Program.NAMESERVER:
                return await host.start(self._nameservers[plan.name].serve)
            return await self._start_node(host, plan)

        return Service(plan, host, start, self._troubled, self._complain)

    async def _start_node(self, host: Host, plan: HostPlan) -> Life:
        await self._start_hooks(host, plan)
        await self._members.start(plan.name)
        lived = Lived(plan.name, self._now())
        self._evidence.lives.append(lived)
        program = MANAGER if plan.program is Program.ECCMGR else NODE
        life = await host.start(run_node, plan.config, program=program, schema=known_schema())
        lived.number, lived.up = life.number, self._now()
        self._lives.append((lived, life))
        return life

    async def _start_hooks(self, host: Host, plan: HostPlan) -> None:
        """The servers on *host* that its webhooks tell, unless they run."""
        for port in hook_ports(plan):
            life = self._hooks.get((plan.name, port))
            if life is None or not life.alive:
                self._hooks[plan.name, port] = await host.start(run_hook, port, partial(self._hooked, plan.name))

    def _hooked(self, host: str, batch_id: str, octets: bytes) -> None:
        self._evidence.hooked.append(Hooked(host, self._evidence.world.kernel.now, batch_id, octets))
