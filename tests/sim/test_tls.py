"""TLS over simulated sockets: ``trio.SSLStream`` unchanged, both protocols, deterministic."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from tls_world import (  # beside this file; pytest puts its folder on the path
    MX,
    NAME,
    OCTETS,
    TERMS,
    Tls,
    ask,
    client_context,
    echo,
    exactly,
    hosts,
    meet,
    run_without_seeding,
)

from momentum_trio.machine import Machine
from momentum_trio.net.tls_terms import TlsTerms
from sim import World
from sim.certificates import CLIENT, FOLDER, SERVER_KEY, install
from sim.tls import Determinism, determinism

TLS_WORLD = Path(__file__).with_name("tls_world.py")
APART_SECONDS = 1.1  # session tickets and their like hold whole seconds
PROTOCOLS = pytest.mark.parametrize("protocol", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@PROTOCOLS
@pytest.mark.parametrize("short", [0.0, 0.5], ids=["whole", "short"])
def test_octets_go_both_ways_and_the_end_is_said(protocol: ssl.TLSVersion, short: float) -> None:
    back, spoken, _ = meet(World(1, short=short), TERMS, client_context(protocol), echo, ask)
    assert (back, spoken) == (True, protocol.name.replace("_", "."))


@PROTOCOLS
def test_the_servers_words_are_those_of_the_real_machine(protocol: ssl.TLSVersion) -> None:
    """TLS_Protocols decides; the simulated context is made by the same code."""
    other = {"TLSv1_2": "+TLSv1.3", "TLSv1_3": "+TLSv1.2"}[protocol.name]

    async def judge(stream: Tls) -> None:
        said.append(await refused(stream))

    said: list[str] = []
    with pytest.raises(trio.BrokenResourceError):
        meet(World(1), replace(TERMS, protocols=other), client_context(protocol), judge, ask)
    assert "UNSUPPORTED_PROTOCOL" in said[0]


async def refused(stream: Tls) -> str:
    """A handshake that fails; how."""
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.do_handshake()
    await stream.transport_stream.aclose()
    return str(caught.value.__cause__)


@PROTOCOLS
def test_both_show_their_certificates(protocol: ssl.TLSVersion) -> None:
    async def see(stream: Tls) -> None:
        await exactly(stream, 1)
        seen.append(stream.getpeercert()["subject"])
        await stream.send_all(b"x")
        await stream.aclose()

    async def show(stream: Tls) -> object:
        await stream.send_all(b"x")
        await exactly(stream, 1)
        names = stream.getpeercert()["subjectAltName"]
        await stream.aclose()
        return NAME in [name for kind, name in names if kind == "DNS"]

    seen: list[object] = []
    assert meet(World(1), TERMS, client_context(protocol), see, show)
    assert seen == [((("commonName", "client.example.net"),),)]


@PROTOCOLS
def test_a_client_without_a_certificate_is_refused(protocol: ssl.TLSVersion) -> None:
    async def try_it(stream: Tls) -> str:
        try:
            await stream.do_handshake()
            await exactly(stream, 1)  # TLS 1.3: the client is done before it is judged
        except trio.BrokenResourceError as error:
            return type(error.__cause__).__name__
        finally:
            await trio.aclose_forcefully(stream)
        return "taken"

    async def judge(stream: Tls) -> None:
        said.append(await refused(stream))

    said: list[str] = []
    outcome = meet(World(1), TERMS, client_context(protocol, certificate=False), judge, try_it)
    assert outcome in ("SSLEOFError", "SSLError")  # trio sends no alert
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in said[0]


@PROTOCOLS
@pytest.mark.parametrize("who", ["server", "client"])
def test_an_end_without_close_notify_is_told_from_a_good_one(protocol: ssl.TLSVersion, who: str) -> None:
    async def vanish(stream: Tls) -> None:
        await exactly(stream, 5)
        await stream.send_all(b"half a ")
        await stream.transport_stream.aclose()

    async def listen(stream: Tls) -> None:
        await stream.send_all(b"hello")
        heard.append(await exactly(stream, 7))
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.receive_some()
        heard.append(type(caught.value.__cause__).__name__)
        await trio.aclose_forcefully(stream)

    heard: list[object] = []
    server, client = (vanish, listen) if who == "server" else (listen, vanish)
    meet(World(1), TERMS, client_context(protocol), server, client)
    assert heard[0] == b"half a "
    assert heard[1] in ("SSLEOFError", "SSLError")  # the latter before Python 3.11.4


@PROTOCOLS
def test_a_handshake_waits_out_a_partition(protocol: ssl.TLSVersion) -> None:
    world = World(1, latency_seconds=0.05)
    mx, outside = hosts(world)
    answers: list[float] = []

    async def cut_off(stream: Tls) -> object:
        """Both ways, between the two halves of the handshake."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.do_handshake)
            await trio.sleep(0.06)  # the server's half is on its way
            for path in world.link(mx, outside):
                path.blocked = True
            await trio.sleep(10)
            assert nursery.child_tasks
            for path in world.link(mx, outside):
                path.blocked = False
        answers.append(trio.current_time())
        return await ask(stream)

    back, _, _ = meet(world, TERMS, client_context(protocol), echo, cut_off)
    assert back
    assert 10 < answers[0] < 25


def test_what_the_files_lack_is_said_as_on_the_real_machine() -> None:
    async def load(machine: Machine, terms: TlsTerms) -> None:
        assert machine.tls is not None
        await machine.tls.server_context(terms)

    for terms, error in (
        (replace(TERMS, certificate="/etc/nothing.pem"), FileNotFoundError),
        (replace(TERMS, key=f"{FOLDER}/{CLIENT}"), ssl.SSLError),
        (replace(TERMS, certificate=f"{FOLDER}/{SERVER_KEY}"), ssl.SSLError),
        (replace(TERMS, certificate=f"{FOLDER}/{CLIENT}"), ssl.SSLError),
        (replace(TERMS, client_ca="/etc/nothing.pem"), FileNotFoundError),
        (replace(TERMS, verify="perhaps"), ValueError),
        (replace(TERMS, protocols="+TLSv9"), ValueError),
    ):
        world = World(1)
        mx = world.host("mx", MX)
        install(mx.store)
        with pytest.raises(error):
            world.run(mx.call, load, terms)


def test_one_digest_in_every_process_also_of_the_octets() -> None:
    """Processes with different hash seeds, the first and the last more than a second apart."""
    said: list[str] = []
    began = time.monotonic()
    while len(said) < 3 or time.monotonic() - began < APART_SECONDS:
        environment = {**os.environ, "PYTHONHASHSEED": str(len(said))}
        run = subprocess.run(
            [sys.executable, TLS_WORLD, "5"], env=environment, capture_output=True, text=True, check=True
        )
        said.append(run.stdout)
    traces = {tuple(line.split()[0] for line in text.splitlines()) for text in said}
    assert len(traces) == 1
    assert len(*traces) == 2
    if determinism() is Determinism.OCTETS:
        assert len(set(said)) == 1


@PROTOCOLS
def test_without_byte_determinism_the_trace_is_still_one(protocol: ssl.TLSVersion) -> None:
    runs = [run_without_seeding(5, protocol) for _ in range(3)]
    assert len({trace for trace, _ in runs}) == 1
    assert len({wire for _, wire in runs}) == 3, "OpenSSL's own randomness was on"


@pytest.mark.skipif(determinism() is Determinism.LENGTHS, reason="this libcrypto cannot be seeded")
def test_openssls_randomness_is_seeded_for_a_run_and_put_back() -> None:
    def run(seed: int) -> bytes:
        async def draw(machine: Machine) -> bytes:
            octets: bytes = ssl.RAND_bytes(16)
            return octets

        world = World(seed)
        drawn: bytes = world.run(world.host("mx", MX).call, draw)
        return drawn

    assert run(1) == run(1) != run(2)
    assert ssl.RAND_bytes(16) != ssl.RAND_bytes(16)
    assert len(OCTETS) == 100_000
