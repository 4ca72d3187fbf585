"""Random stories of two connected sockets, and random claims to one port, told on both arms: the outcomes are equal.

The seeds are fixed, so a failure repeats. Whoever changes the simulated stack runs more of them by raising SEEDS.
"""

from __future__ import annotations

import random
import socket
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from streams import NO_LINGER, closing, pair, real_ipv6, told

from sim import World

SEEDS = 20
SETTLE_SECONDS = 0.003
BLOCKED_SECONDS = 0.1  # a busy machine takes its time over what does not block
STEPS = (
    "send",
    "send",
    "recv",
    "recv",
    "peek",
    "wr",
    "rd",
    "rdwr",
    "close",
    "linger",
    "error",
    "readable",
    "writable",
    "peer",
)
SHUTDOWNS = {"wr": socket.SHUT_WR, "rd": socket.SHUT_RD, "rdwr": socket.SHUT_RDWR}
ADDRESSES = ("0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.1", "127.0.0.2", "::", "::1", "::ffff:127.0.0.1")
TARGETS = ("127.0.0.1", "127.0.0.2", "::1")
FIRST_PORT = 21_000

Story = tuple[tuple[int, str], ...]
Claim = tuple[str, bool, bool, bool]


async def said(operation: Awaitable[object]) -> object:
    """The result, the errno's name, or ``blocked``."""
    with trio.move_on_after(BLOCKED_SECONDS):
        try:
            return await operation
        except OSError as error:
            return told(_raising(error))
        except trio.ClosedResourceError:
            return "closed"
    return "blocked"


def _raising(error: OSError) -> Callable[[], object]:
    def again() -> object:
        raise error

    return again


async def do(one: trio.socket.SocketType, step: str) -> object:
    match step:
        case "send":
            return await said(one.send(b"abcdef"))
        case "recv":
            return await said(one.recv(4))
        case "peek":
            return await said(one.recv(4, socket.MSG_PEEK))
        case "close":
            one.close()
            return None
        case "linger":
            return told(lambda: one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER))
        case "error":
            return told(lambda: one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        case "readable":
            return one.fileno() != -1 and one.is_readable()
        case "writable":
            return one.fileno() != -1 and await said(one.wait_writable())
        case "peer":
            name = told(one.getpeername)
            return name if name in ("ENOTCONN", "EBADF") else "a name"
    return told(lambda: one.shutdown(SHUTDOWNS[step]))


async def tell(folder: str, story: Story) -> list[object]:
    outcomes: list[object] = []
    async with pair(folder) as ends:
        for who, step in story:
            outcomes.append((who, step, await do(ends[who], step)))
            await trio.sleep(SETTLE_SECONDS)
    return outcomes


def make_story(seed: int) -> Story:
    draws = random.Random(seed)
    return tuple((draws.randrange(2), draws.choice(STEPS)) for _ in range(draws.randint(3, 10)))


def simulated(seed: int, body: Callable[[], Awaitable[list[object]]]) -> list[object]:
    world = World(seed)
    host = world.host("one", "10.0.0.1", "fd00::1")

    async def drive() -> list[object]:
        return await host.call(lambda machine: body())

    return world.run(drive)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_stories_of_two_ends(kind: str, seed: int) -> None:
    """Random stories of two connected ends, TCP and Unix, are the same on both arms."""
    story = make_story(seed)
    with tempfile.TemporaryDirectory(prefix="mt") as folder:
        real = trio.run(tell, folder if kind == "unix" else "", story)
    assert simulated(seed, lambda: tell("/run" if kind == "unix" else "", story)) == real


async def claim(claims: list[Claim], port: int) -> list[object]:
    """Bind and listen, one after the other, with (address, IPV6_V6ONLY or SO_REUSEADDR, SO_REUSEPORT, listen)."""
    sockets, outcomes = await bind_all(claims, port, socket.SOCK_STREAM)
    with closing(*sockets):
        answers = [await who_answers(target, port, claims, sockets) for target in TARGETS]
    return [*outcomes, *answers]


async def bind_all(
    claims: list[Claim], port: int, kind: socket.SocketKind
) -> tuple[list[trio.socket.SocketType], list[object]]:
    """The sockets, and what bind and listen said for each."""
    outcomes: list[object] = []
    sockets = []
    for address, flag, share, listens in claims:
        one = trio.socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        sockets.append(one)
        if ":" in address:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, flag)
        else:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, flag)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
        bound = await said(one.bind((address, port)))
        tries = listens and bound is None and kind == socket.SOCK_STREAM
        outcomes.append((address, bound, told(partial(one.listen, 5)) if tries else "-"))
    return sockets, outcomes


async def who_answers(
    target: str, port: int, claims: list[Claim], sockets: list[trio.socket.SocketType]
) -> tuple[object, ...]:
    client = trio.socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET)
    with closing(client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        outcome = await said(client.connect((target, port)))
        await trio.sleep(SETTLE_SECONDS)
        addresses = set()
        for (address, _, _, listens), one in zip(claims, sockets, strict=True):
            if listens and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.is_readable():
                addresses.add(address)
                (await one.accept())[0].close()
        return target, outcome, addresses


def make_claims(seed: int) -> list[Claim]:
    draws = random.Random(seed)
    return [
        (draws.choice(ADDRESSES), draws.random() < 0.5, draws.random() < 0.5, draws.random() < 0.7)
        for _ in range(draws.randint(2, 5))
    ]


@pytest.mark.skipif(not real_ipv6(), reason="no IPv6 on this machine's loopback")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_claims_to_one_port(seed: int) -> None:
    """Random claims to one TCP port: who may bind and listen, and who answers, are the same on both arms."""
    claims, port = make_claims(seed), FIRST_PORT + seed
    real = trio.run(claim, claims, port)
    assert simulated(seed, lambda: claim(claims, port)) == real


async def claim_datagrams(claims: list[Claim], port: int) -> list[object]:
    """Bind, one after the other, and send to each address; then connect some of them to the sender, and send again."""
    sockets, outcomes = await bind_all(claims, port, socket.SOCK_DGRAM)
    with closing(*sockets):
        for connects in (False, True):
            for target in TARGETS:
                client = trio.socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM)
                with closing(client):
                    await client.connect((target, port))
                    if connects:
                        outcomes += [
                            await connect_back(one, each, client) for one, each in zip(sockets, claims, strict=True)
                        ]
                    outcomes += await who_receives(client, claims, sockets)
    return outcomes


async def connect_back(one: trio.socket.SocketType, claim: Claim, client: trio.socket.SocketType) -> object:
    """Connect it to the sender, if it is bound and drawn for it; the outcome and its own address then."""
    name = client.getsockname()
    if claim[3] and ":" not in claim[0] and ":" not in name[0] and one.getsockname()[1]:
        return await said(one.connect(name)), one.getsockname()[0]
    return None


async def who_receives(
    client: trio.socket.SocketType, claims: list[Claim], sockets: list[trio.socket.SocketType]
) -> list[object]:
    """Who gets a datagram (of those that share a port and address, which one is the kernel's lot), or the refusal."""
    outcomes = [await said(client.send(b"x"))]
    await trio.sleep(SETTLE_SECONDS)
    for number, one in enumerate(sockets):
        if one.is_readable():
            outcomes.append((claims[number][0] if claims[number][2] else number, await said(one.recv(9))))
    return [*outcomes, await said(client.recv(9))]


@pytest.mark.skipif(not real_ipv6(), reason="no IPv6 on this machine's loopback")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_claims_to_one_datagram_port(seed: int) -> None:
    """Random claims to one UDP port: who may bind, and who gets what is sent to it, are the same on both arms."""
    claims, port = make_claims(seed), FIRST_PORT + seed
    real = trio.run(claim_datagrams, claims, port)
    assert simulated(seed, lambda: claim_datagrams(claims, port)) == real
