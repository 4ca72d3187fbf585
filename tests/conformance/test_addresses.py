"""Addresses of both arms come up, go down, and go down by themselves; the real ones in a namespace made for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable, Iterator

import pytest
import trio
from namespace import ip, namespaces, within

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Addresses, Plumbed
from momentum_trio.machine.os_addresses import OsAddresses
from sim import World

Behaviour = Callable[[Addresses], Awaitable[object]]

EXPIRY_SECONDS = 2.2
"""After which one that had a second is gone: the kernel looks when it likes."""
ADDRESS, OTHER = "10.77.0.9", "fd77::9"


async def refusal(attempt: Awaitable[object]) -> str:
    try:
        await attempt
    except OSError as fault:
        return errno.errorcode[fault.errno or 0]
    return "done"


async def ours(addresses: Addresses) -> list[Plumbed]:
    return sorted((each for each in await addresses.up() if each.address in (ADDRESS, OTHER)), key=lambda p: p.address)


async def addresses_come_up_and_go_down(addresses: Addresses) -> object:
    """An address that was brought up is among those that are up, with its mask; taken down it is not."""
    for address in (ADDRESS, OTHER):
        await addresses.add(address, "eth0")
    both = await ours(addresses)
    for address in (ADDRESS, OTHER):
        await addresses.remove(address, "eth0")
    return both, await ours(addresses)


async def what_cannot_be_is_refused(addresses: Addresses) -> object:
    """An address cannot come up twice, nor go down that is not up."""
    await addresses.add(ADDRESS, "eth0")
    twice = await refusal(addresses.add(ADDRESS, "eth0"))
    await addresses.remove(ADDRESS, "eth0")
    return twice, await refusal(addresses.remove(ADDRESS, "eth0"))


async def a_leased_address_goes_down_unless_it_is_renewed(addresses: Addresses) -> object:
    """One with a time is gone some time after it, one that was renewed is not."""
    await addresses.add(ADDRESS, "eth0", seconds=1)
    await addresses.add(OTHER, "eth0", seconds=1)
    await addresses.renew([each for each in await ours(addresses) if each.address == OTHER], 30)
    await trio.sleep(EXPIRY_SECONDS)
    return await ours(addresses)


async def an_address_is_announced(addresses: Addresses) -> object:
    """To everybody, or to those this host knows; nobody need be there."""
    for address in (ADDRESS, OTHER):
        await addresses.add(address, "eth0")
        await addresses.announce(address, "eth0")
        await addresses.announce(address, "eth0", to_all=False)
    return await addresses.neighbours()


V4, V6 = Plumbed(ADDRESS, "eth0", 32), Plumbed(OTHER, "eth0", 128)
BEHAVIOURS = [
    (addresses_come_up_and_go_down, ([V4, V6], [])),
    (what_cannot_be_is_refused, ("EEXIST", "EADDRNOTAVAIL")),
    (a_leased_address_goes_down_unless_it_is_renewed, [V6]),
    (an_address_is_announced, []),
]
PAIRS = pytest.mark.parametrize(("behaviour", "expected"), BEHAVIOURS, ids=[b.__name__ for b, _ in BEHAVIOURS])


@pytest.fixture(scope="module")
def link() -> Iterator[str]:
    """A namespace with an ``eth0`` that leads to nobody."""
    name = f"mt-{os.getpid()}"
    with namespaces(name):
        ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1", inside=name)
        for end in ("eth0", "eth1"):
            ip("link", "set", end, "up", inside=name)
        yield name


@PAIRS
def test_real(behaviour: Behaviour, expected: object, link: str) -> None:
    with within(link):
        ip("address", "flush", "dev", "eth0", "scope", "global")
        assert trio.run(behaviour, OsAddresses()) == expected


@PAIRS
def test_simulated(behaviour: Behaviour, expected: object) -> None:
    world = World(1)
    host = world.host("a", "10.0.0.1")

    async def program(machine: Machine) -> object:
        assert machine.addresses is not None
        return await behaviour(machine.addresses)

    assert world.run(host.call, program) == expected


def test_an_interface_that_is_not_there(link: str) -> None:
    with within(link):
        assert trio.run(refusal, OsAddresses().add(ADDRESS, "eth9")) == "ENODEV"
