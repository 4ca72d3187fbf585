"""``dig``, ``refresh domain`` and ``dns_cache`` over a simulated nameserver: what the operator reads."""

from __future__ import annotations

import pytest
import trio

from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.listener.kind import Generation, Generations
from momentum_trio.machine import Machine
from momentum_trio.node.dns_desk import DnsDesk
from momentum_trio.node.link import Ask, Said
from momentum_trio.node.schema import DECLARED
from sim.nameserver import Treatment
from sim.world import World

NS = "10.0.0.53"
ZONES = (
    """
$ORIGIN example.
$TTL 300
@    MX  10 mx1
@    MX  20 mx2
mx1  A   10.1.0.1
mx2  A   10.1.0.2
text TXT "a" "b"
alias CNAME mx1
""",
    "$ORIGIN 0.1.10.in-addr.arpa.\n$TTL 300\n1 PTR mx1.example.\n",
)
CONFIG = """
Domain "behind.test" {
  Gateway = "[10.1.0.2]"
}
"""
CONVERSATION = """
> dns_cache lookup mx1.example A
Cached result not found, try a submit.
> dns_cache submit mx1.example A
Submitted
> dns_cache lookup mx1.example A
;; QUESTION SECTION:
;mx1.example             IN      A

;; ANSWER SECTION:
mx1.example             299     IN      A       10.1.0.1
> dns_cache submit none.example A
Submitted
> dns_cache lookup none.example A
;; QUESTION SECTION:
;none.example            IN      A

;; no such name
> dns_cache submit text.example MX
Submitted
> dns_cache lookup text.example MX
;; QUESTION SECTION:
;text.example            IN      MX

;; no such records
> dns_cache submit 10.1.0.1 PTR
Submitted
> dns_cache lookup 10.1.0.1 X
;; QUESTION SECTION:
;1.0.1.10.in-addr.arpa   IN      PTR

;; ANSWER SECTION:
1.0.1.10.in-addr.arpa   299     IN      PTR     mx1.example.
> dig example
submitted
> dig behind.test
submitted
> dns_cache stats
DNS Queries:
        TXT: 0
        PTR: 1
         MX: 2
          A: 3
       AAAA: 0
      CNAME: 0
       TLSA: 0

DNS responses:
      Total: 6
        Bad: 0

DNS cache:
    Lookups: 11
   Hit Rate: 45.4545%
> dns_cache refcnts
[  0] none.example [291s]
[  0] text.example [293s]
[  0] 1.0.1.10.in-addr.arpa [295s]
[  1] example [297s]
[  1] mx1.example [289s]
[  1] mx2.example [297s]
> refresh domain example
1 domains refreshed
> refresh domain all
1 domains refreshed
> dns_cache refcnts
[  0] none.example [288s]
[  0] text.example [290s]
[  0] 1.0.1.10.in-addr.arpa [292s]
"""


def asked(line: str) -> Ask:
    words = line.split()
    count = 1 if words[0] == "dig" else 2
    return Ask(" ".join(words[:count]), tuple(words[count:]))


def converse(conversation: str, treat: Treatment | None = None) -> tuple[str, str]:
    """What was asked and answered, a second between two questions; and the same as it should be."""
    world = World(1)
    ns, mx = world.host("ns", NS), world.host("mx", "10.0.0.2")
    mx.nameservers = [NS]
    tree: ConfigTree = load_text(CONFIG, declared=DECLARED)
    answers: list[str] = []

    async def talk(machine: Machine) -> None:
        generations = Generations(Generation(1, tree))
        async with trio.open_nursery() as nursery:
            desk = DnsDesk(Hosts(machine, generations), generations, nursery)
            for line in conversation.strip().splitlines():
                if line.startswith("> "):
                    answers.extend([line, desk.answer(asked(line[2:])).text])
                    await trio.sleep(1)
            nursery.cancel_scope.cancel()

    async def drive() -> None:
        nameserver = await world.nameserver(ns, *ZONES)
        if treat is not None:
            nameserver.treat(".", treat)
        await mx.call(talk)

    world.run(drive)
    return "\n".join(answers), conversation.strip()


def test_a_conversation_about_dns() -> None:
    heard, expected = converse(CONVERSATION)
    assert heard.splitlines() == expected.splitlines()


def test_look_ups_that_do_not_come_back_are_not_heaped_up() -> None:
    heard, _ = converse("> dns_cache submit a.example A\n" * 150, Treatment(drop_share=1.0))
    assert "too many look-ups" not in heard  # each is given up after ten seconds or so


@pytest.mark.parametrize("line", ["dns_cache stats", "dns_cache refcnts", "dns_cache lookup example MX"])
def test_before_any_question_there_is_nothing(line: str) -> None:
    async def ask() -> Said:
        async with trio.open_nursery() as nursery:
            generations = Generations(Generation(1, load_text("", declared=DECLARED)))
            return DnsDesk(Hosts(machine_of_nothing()), generations, nursery).answer(asked(line))

    assert not trio.run(ask).failed


def machine_of_nothing() -> Machine:
    nothing: object = object()
    return Machine(nothing, nothing, nothing, nothing, nothing, nothing)  # type: ignore[arg-type]
