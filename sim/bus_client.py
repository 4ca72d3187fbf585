"""A client of the message bus beside a node, as that node's configuration has it, and how long views may take there."""

from __future__ import annotations

from typing import Protocol

from momentum_trio.machine import Machine
from momentum_trio.net.group import GroupEvent, Service

from .scenario import HostPlan, Scenario


class BusMember(Protocol):
    """What a member does with its connection (``momentum_trio.msgc.member``)."""

    name: str

    async def run(self) -> None: ...
    def join(self, group: str) -> None: ...
    def leave(self, group: str) -> None: ...
    def publish(self, group: str, octets: bytes, service: Service = Service.AGREED) -> bool: ...
    def tell(self, member: str, octets: bytes) -> bool: ...
    async def next_event(self) -> GroupEvent: ...


def client(machine: Machine, plan: HostPlan) -> BusMember:
    """The member."""
    raise NotImplementedError


def settle_limit(scenario: Scenario) -> float:
    """The limit."""
    return 90.0
