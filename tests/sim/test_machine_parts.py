"""Parts of the simulated machine that have no real arm to be compared with, and the nameservers of both."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.machine.os_nameservers import OsNameservers
from momentum_trio.machine.os_tls import excluded, make_context
from momentum_trio.net.capability import Capabilities
from momentum_trio.net.resolv_conf import ResolvConf
from momentum_trio.net.tls_terms import TlsTerms
from sim import World
from sim.certificates import HERE, SERVER, SERVER_KEY

TERMS = TlsTerms(str(HERE / SERVER), str(HERE / SERVER_KEY))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nameserver 192.0.2.1\nnameserver\t2001:db8::53\n", ("192.0.2.1", "2001:db8::53")),
        ("nameserver fe80::1%eth0\n", ("fe80::1%eth0",)),
        ("search example.com\noptions edns0\nnameserver   192.0.2.1   # the first\n", ("192.0.2.1",)),
        ("nameserver 192.0.2.1;192.0.2.2\n", ("192.0.2.1",)),
        (" nameserver 192.0.2.1\n#nameserver 192.0.2.2\n;nameserver 192.0.2.3\nnameservers 192.0.2.4\n", ()),
        ("nameserver dns.example.com\nnameserver 300.1.1.1\nnameserver\nnameserver 192.0.2.1", ("192.0.2.1",)),
        ("".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 6)), ("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        ("nameserver 192.0.2.1\r\n", ("192.0.2.1",)),
        ("\x00\ufffd\nnameserver 192.0.2.1\n", ("192.0.2.1",)),
        ("", ()),
    ],
)
def test_resolv_conf(text: str, found: tuple[str, ...]) -> None:
    assert ResolvConf.parse(text).nameservers == found


def test_the_real_machines_nameservers_are_those_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    assert OsNameservers(str(path)).addresses() == ("127.0.0.1",)
    path.write_text("nameserver 192.0.2.1\n")
    made = OsNameservers(str(path))
    path.write_text("nameserver 192.0.2.2\n")
    assert made.addresses() == ("192.0.2.1",)
    found = os_machine().nameservers
    assert found is not None
    assert 1 <= len(found.addresses()) <= 3


def test_the_simulated_machines_nameservers_are_those_at_a_lifes_start() -> None:
    world = World(1)
    mx = world.host("mx", "10.0.0.1")

    async def look(machine: Machine) -> tuple[str, ...]:
        assert machine.nameservers is not None
        mx.nameservers = ["10.0.0.99"]
        return tuple(machine.nameservers.addresses())

    async def drive() -> object:
        before = await mx.call(look)
        return before, await mx.call(look)

    assert world.run(drive) == (("127.0.0.1",), ("10.0.0.99",))


SHARED = "10.0.0.50"


async def hold(machine: Machine, name: bytes, task_status: trio.TaskStatus[None]) -> None:
    """Bring the shared address up, and answer there with *name*."""
    assert machine.addresses is not None
    await machine.addresses.add(SHARED, "eth0")
    listening = trio.socket.socket()
    await listening.bind((SHARED, 25))
    listening.listen()
    task_status.started()
    while True:
        accepted, _ = await listening.accept()
        await accepted.send(name)
        accepted.close()


async def who(machine: Machine) -> object:
    try:
        async with await trio.open_tcp_stream(SHARED, 25) as stream:
            return bytes(await stream.receive_some())
    except OSError as error:
        return str(error.errno or "nobody")


def test_an_address_goes_to_who_announced_it_last() -> None:
    """Also while its former holder has it still, as after a network that was in two parts."""
    world = World(1)
    one, two, client = (world.host(f"mx{n}", f"10.0.0.{n}") for n in (1, 2, 3))

    async def change(machine: Machine, verb: str) -> str:
        assert machine.addresses is not None
        try:
            await getattr(machine.addresses, verb)(SHARED, "eth0")
        except OSError as error:
            return str(error.strerror).partition(":")[0]
        return "done"

    async def drive() -> object:
        seen: list[object] = [await client.call(who)]
        await one.start(hold, b"one")
        seen.append(await client.call(who))
        seen.append(await one.call(change, "add"))
        await two.start(hold, b"two")
        seen.append(await client.call(who))
        seen += [await one.call(change, "remove"), await one.call(change, "remove"), await client.call(who)]
        two.power_loss()
        await one.call(change, "add")
        seen.append(await client.call(who))
        return seen

    expected = ["nobody", b"one", "File exists", b"two", "done", "Cannot assign requested address", b"two", b"one"]
    assert world.run(drive) == expected


def test_addresses_are_for_root() -> None:
    world = World(1)
    mx = world.host("mx", "10.0.0.1")
    mx.users[99], mx.groups[99] = "nobody", "nogroup"

    async def try_it(machine: Machine) -> None:
        assert machine.addresses is not None
        await machine.process.become(machine.process.identity("nobody", "nogroup", (), Capabilities()))
        await machine.addresses.add(SHARED, "eth0")

    with pytest.raises(PermissionError):
        world.run(mx.call, try_it)


@pytest.mark.parametrize(
    ("words", "least", "greatest"),
    [
        ("+ALL", None, ssl.TLSVersion.MAXIMUM_SUPPORTED),
        ("+ALL:-TLSv1:-TLSv1.1", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED),
        ("+TLSv1.3", ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.MAXIMUM_SUPPORTED),
        ("+TLSv1.2", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
    ],
)
def test_protocols_without_a_gap_are_said_by_versions(
    words: str, least: ssl.TLSVersion | None, greatest: ssl.TLSVersion
) -> None:
    """So Python has nothing to warn of; the least one stays the system's where the words do not raise it."""
    made = make_context(replace(TERMS, protocols=words))
    assert made.minimum_version == (least or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).minimum_version)
    assert made.maximum_version == greatest
    assert not made.options & excluded("")


def test_protocols_with_a_gap_are_said_by_options() -> None:
    with pytest.warns(DeprecationWarning, match="OP_NO_"):
        made = make_context(replace(TERMS, protocols="+TLSv1.1 +TLSv1.3"))
    assert made.options & ssl.OP_NO_TLSv1_2
    assert not made.options & ssl.OP_NO_TLSv1_3
