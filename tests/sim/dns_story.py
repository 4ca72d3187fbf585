"""dnspython's resolver, unmodified, against simulated nameservers: a story with many endings, one digest.

``python tests/sim/dns_story.py SEED`` prints the digest.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import dns.asyncresolver
import dns.exception
import trio

from momentum_trio.machine import Machine
from sim import World
from sim.nameserver import Treatment

MANY = 60
ZONE = """
$ORIGIN example.
$TTL 300
@       SOA ns.example. admin.example. 1 3600 600 86400 60
@       NS  ns
@       MX  10 mx1
@       MX  20 mx2
ns      A   10.0.0.53
mx1     A   10.0.0.25
mx1     AAAA fd00::25
mx2     A   10.0.0.26
alias   CNAME mx1
loop    CNAME loop
_25._tcp.mx1 TLSA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971
text    TXT "v=spf1 -all" "second"
*.wild  A   10.0.0.99
a.b.deep A  10.0.0.98
""" + "".join(f"many A 10.1.0.{number}\n" for number in range(1, MANY + 1))
REVERSE = """
$ORIGIN 0.0.10.in-addr.arpa.
$TTL 300
@  SOA ns.example. admin.example. 1 3600 600 86400 60
25 PTR mx1.example.
"""


def resolver(*nameservers: str, timeout: float = 2.0, lifetime: float = 6.0) -> dns.asyncresolver.Resolver:
    """As a program would make it, with explicit nameservers."""
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers = list(nameservers)
    made.timeout, made.lifetime = timeout, lifetime
    return made


async def asked(made: dns.asyncresolver.Resolver, name: str, rdtype: str) -> list[str] | str:
    """The records, in order of their text, or the name of the error."""
    try:
        return sorted(record.to_text() for record in await made.resolve(name, rdtype))
    except dns.exception.DNSException as error:
        return type(error).__name__


async def story(machine: Machine) -> list[object]:
    """Questions over a bad link, to one nameserver that is dead and two that are not."""
    made = resolver("10.0.0.66", "10.0.0.53", "fd00::53", timeout=1.0, lifetime=30.0)
    questions = [
        ("example", "MX"),
        ("many.example", "A"),
        ("none.example", "A"),
        ("slow.example", "A"),
        ("alias.example", "A"),
    ]
    outcomes: list[object] = []
    for name, rdtype in questions * 3:
        outcomes.append(await asked(made, name, rdtype))
        await trio.sleep(machine.entropy.fraction())
    return outcomes


def build(seed: int) -> tuple[World, list[object]]:
    """Run it."""
    world = World(seed, short=0.3)
    server, client = world.host("ns", "10.0.0.53", "fd00::53"), world.host("client", "10.0.0.2", "fd00::2")
    for path in world.link(server, client):
        path.loss_share, path.duplicate_share, path.reorder_seconds = 0.2, 0.2, 0.05

    async def drive() -> list[object]:
        nameserver = await world.nameserver(server, ZONE, REVERSE)
        nameserver.treat("slow.example", Treatment(delay_seconds=0.3, wrong_ids=2))
        return await client.call(story)

    return world, world.run(drive)


if __name__ == "__main__":
    ran, outcomes = build(int(sys.argv[1]))
    print(ran.digest(), ran.kernel.line_count, *outcomes, sep="\n")
