"""From a scenario and a seed to a concrete scenario: which mails, which faults, what an operator says. Pure.

Every draw has a purpose and a number, and comes from a hash of these and the seed: what is drawn for one thing does not
move when another is taken away. As in swarm testing, each seed takes a part of the kinds of faults only, each with a
weight of its own, so that some runs are all power losses and others have none; hosts have such weights too. Half of the
faults strike while some mail is under way, or what an operator says, where they hurt most, others soon after a fault;
loads may come in bursts.

What is drawn stays within what the product promises to survive (``_within_promise``), so that every violation is a bug.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from .manager_acts import ACTS as MANAGER_ACTS
from .manager_acts import bureau_of
from .measure import LISTED_MAX
from .member_acts import Join, MemberAct, drawn_act, text_of
from .operator_acts import ACTS, Lines, desk_of
from .scenario import (
    AT_A_MANAGER,
    INSTANT,
    NAME_FAULTS,
    PAIRS,
    SAID,
    SPLITS,
    Act,
    Fault,
    FaultKind,
    Leaving,
    Load,
    Mail,
    Members,
    Operator,
    Program,
    Scenario,
    Swarm,
)

SESSIONS_OF_A_LOAD_MAX = 10_000  # numbers of sessions that a load may use: each load has its own
CHUNKS_MAX = LISTED_MAX  # of a mail: a file can say no more
KIND_SHARE = 0.5  # of the kinds that a seed takes
BURSTS = (0, 0, 1, 2, 5)  # moments at which all the sessions of a load come, one of these numbers; 0: at any time
BURST_SECONDS = (0.001, 0.5)  # how long a burst is: sessions that come as one, or after each other
AIMED_SHARE = 0.5  # of the faults that strike while a mail is under way, and not at any time
FOLLOWING_SHARE = 0.3  # of the faults that strike soon after another one
FOLLOWING_SECONDS = (0.01, 3.0)
AIM_SECONDS = (0.003, 0.6)  # from the time of a mail: a session of a few mails takes some tenths of a second
BRIEF_SHARE = 0.5  # of the seeds whose faults last by orders of magnitude, mostly briefly; of others as they come
CLOCK_STEP_SECONDS_MAX = 300.0
ROTS_MAX = 2
ACT_SHARE = 0.6  # of an operator's acts that a seed takes
SAID_SHARE = 0.7  # of his conversations that begin just before somebody sends mail
SAID_SECONDS = 0.15  # at most, before that: some lines are said, and a commit is under way
NUMBERS = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")

_AMOUNTS: dict[FaultKind, tuple[float, float]] = {
    FaultKind.POWER_AT_STEP: (1, 100),
    FaultKind.SLOW_CPU: (0.0005, 0.05),
    FaultKind.CLOCK_STEP: (0.5, CLOCK_STEP_SECONDS_MAX),
    FaultKind.DISK_FULL: (1, 50_000),
    FaultKind.DISK_ERROR: (0.01, 1.0),
    FaultKind.SYNC_ERROR: (0.05, 1.0),
    FaultKind.DISK_SLOW: (0.005, 5.0),
    FaultKind.DESCRIPTORS: (1, 5),
    FaultKind.SLOW_LINK: (0.01, 1.0),
    FaultKind.DNS_SLOW: (0.01, 10.0),
    FaultKind.DNS_LOST: (0.05, 1.0),
}
"""The range of the amount, drawn so that each order of magnitude is as likely as the others. The others have none."""

_WHOLE = frozenset({FaultKind.POWER_AT_STEP, FaultKind.DISK_FULL, FaultKind.DESCRIPTORS})


def draw(scenario: Scenario, seed: int) -> Scenario:
    """*scenario* with its loads and swarm drawn: what there was of mails and faults stays, what is drawn is added."""
    mails = [*scenario.mails]
    for number, load in enumerate(scenario.loads):
        mails += _mails(load, number, seed)
    said = [each for operator in scenario.operators for each in _conversations(scenario, operator, mails, seed)]
    said += [each for members in scenario.members for each in _acts(members, seed)]
    faults = [*scenario.faults, *said]
    if scenario.swarm is not None:
        faults += _faults(scenario, scenario.swarm, [*mails, *said], seed)
    return replace(scenario, mails=tuple(mails), faults=tuple(faults), loads=(), operators=(), members=(), swarm=None)


def draws(seed: int, purpose: str, number: int = 0) -> random.Random:
    """The random source for one thing."""
    octets = hashlib.blake2b(f"{seed}/{purpose}/{number}".encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(octets, "big"))


# -- mails


def _mails(load: Load, load_number: int, seed: int) -> list[Mail]:
    assert load.forward_paths, f"Load {load.name}: nobody to write to"
    mails: list[Mail] = []
    session = load_number * SESSIONS_OF_A_LOAD_MAX
    shape = draws(seed, f"load/{load.name}/shape")
    bursts = [shape.random() for _ in range(shape.choice(BURSTS))]
    burst_seconds = _magnitude(shape, *BURST_SECONDS)
    while len(mails) < load.count:
        session += 1
        at = draws(seed, f"load/{load.name}/session", session)
        began = load.at_seconds + at.random() * load.seconds
        if bursts:
            burst = load.at_seconds + at.choice(bursts) * load.seconds
            began = min(burst + at.random() * burst_seconds, load.at_seconds + load.seconds)
        source = at.choice(load.source)
        address = at.choice(load.source_addresses) if load.source_addresses else ""
        for _ in range(min(at.randint(*load.session_mails), load.count - len(mails))):
            mails.append(_mail(load, len(mails), seed, began, source, session, address))
    return list(_with_keys(mails, load_number)) if load.keys else mails


def _with_keys(mails: Sequence[Mail], load_number: int) -> Iterator[Mail]:
    """Each client numbers his: what one calls a message another calls one of his."""
    count = Counter[tuple[str, str]]()
    for mail in mails:
        client = mail.source, mail.source_address
        count[client] += 1
        yield replace(mail, key=f"{load_number}.{count[client]}")


def _mail(load: Load, number: int, seed: int, at: float, source: str, session: int, address: str) -> Mail:
    of = draws(seed, f"load/{load.name}", number)
    count = min(of.randint(*load.recipients), len(load.forward_paths))
    paths = tuple(_numbered(path, of) for path in of.sample(load.forward_paths, count))
    octets = round(_magnitude(of, max(load.octets[0], 1), max(load.octets[1], 1)))
    return Mail(
        f"{load.name}-{number}",
        round(at, 6),
        source,
        load.target,
        load.port,
        paths,
        load.reverse_path,
        octets,
        session,
        address,
        _leaving(load, number, seed),
        load.notify,
        _chunks(load, octets, draws(seed, f"load/{load.name}/chunks", number)),
        load.carried,
    )


def _numbered(path: str, of: random.Random) -> str:
    """*path* with a number for each ``{1..99}`` in it."""
    return NUMBERS.sub(lambda found: str(of.randint(int(found[1]), max(int(found[1]), int(found[2])))), path)


def _leaving(load: Load, number: int, seed: int) -> Leaving:
    of = draws(seed, f"load/{load.name}/leaving", number)
    return of.choice((Leaving.CONTENT, Leaving.SILENCE, Leaving.ANSWER)) if of.random() < load.leaves else Leaving.NEVER


def _chunks(load: Load, octets: int, of: random.Random) -> tuple[int, ...]:
    """The sizes of chunks that *octets* are sent in before the last, so many that it may have nothing left."""
    smallest, largest = load.chunks
    sizes: list[int] = []
    while largest and sum(sizes) < octets and len(sizes) < CHUNKS_MAX:
        sizes.append(round(_magnitude(of, max(smallest, 1), largest)))
    return tuple(sizes)


# -- operators


def _conversations(scenario: Scenario, operator: Operator, mails: Sequence[Mail], seed: int) -> list[Fault]:
    at_a_manager = scenario.host(operator.host).program is Program.ECCMGR
    suitable = [act for act in operator.acts if (act in AT_A_MANAGER) is at_a_manager]
    chances = {act: draws(seed, f"operator/{operator.name}/{act.value}").random() for act in suitable}
    acts = [act for act, chance in chances.items() if chance < ACT_SHARE] or [min(chances, key=chances.__getitem__)]
    does = _at_a_manager(scenario, operator, seed) if at_a_manager else _at_a_node(scenario, operator, mails)
    said = []
    for number in range(operator.count):
        of = draws(seed, f"operator/{operator.name}", number)
        at = operator.at_seconds + of.random() * operator.seconds
        text = "\n".join(does(of.choice(acts), of))
        said.append(Fault(FaultKind.CONSOLE, round(_aimed(at, operator, mails, of), 6), (operator.host,), text=text))
    return sorted(said, key=lambda fault: fault.at_seconds)


Does = Callable[[Act, random.Random], Lines]
"""From an act to the lines of a conversation."""


def _at_a_node(scenario: Scenario, operator: Operator, mails: Sequence[Mail]) -> Does:
    desk = desk_of(scenario, scenario.host(operator.host), mails)
    return lambda act, of: ACTS[act](of, desk)


def _at_a_manager(scenario: Scenario, operator: Operator, seed: int) -> Does:
    bureau = bureau_of(scenario, draws(seed, f"operator/{operator.name}/commands"))
    return lambda act, of: MANAGER_ACTS[act](of, bureau)


def _aimed(at: float, operator: Operator, mails: Sequence[Mail], of: random.Random) -> float:
    """*at*, or just before one of *mails* that is sent while the operator is at work."""
    end = operator.at_seconds + operator.seconds
    times = [mail.at_seconds for mail in mails if operator.at_seconds + SAID_SECONDS <= mail.at_seconds <= end]
    if not times or of.random() >= SAID_SHARE:
        return at
    return of.choice(times) - of.random() * SAID_SECONDS


# -- members of the bus


def _acts(members: Members, seed: int) -> list[Fault]:
    """Each joins a group or two first; some seeds have moments at which all are busy at once."""
    acts = []
    for number, host in enumerate(members.hosts):
        of = draws(seed, f"members/{members.name}/first", number)
        groups = of.sample(members.groups, of.randint(1, len(members.groups)))
        acts += [_act(members.at_seconds + of.random(), host, Join(group)) for group in groups]
    shape = draws(seed, f"members/{members.name}/shape")
    bursts = [shape.random() for _ in range(shape.choice(BURSTS))]
    burst_seconds = _magnitude(shape, *BURST_SECONDS)
    for number in range(members.count):
        of = draws(seed, f"members/{members.name}", number)
        share = of.random()
        if bursts and of.random() < AIMED_SHARE:
            share = min(of.choice(bursts) + of.random() * burst_seconds / max(members.seconds, burst_seconds), 1.0)
        at = members.at_seconds + share * members.seconds
        acts.append(_act(at, of.choice(members.hosts), drawn_act(of, members.groups, members.hosts)))
    return sorted(acts, key=lambda fault: fault.at_seconds)


def _act(at: float, host: str, act: MemberAct) -> Fault:
    return Fault(FaultKind.MEMBER, round(at, 6), (host,), text=text_of(act))


# -- faults


def _faults(scenario: Scenario, swarm: Swarm, aims: Sequence[Mail | Fault], seed: int) -> list[Fault]:
    weights = _weights(swarm.kinds, seed)
    places = {plan.name: draws(seed, f"place/{plan.name}").uniform(0.1, 1.0) for plan in scenario.hosts}
    lasting = _magnitude if draws(seed, "how long").random() < BRIEF_SHARE else random.Random.uniform
    count = draws(seed, "fault count").randint(*swarm.count)
    faults: list[Fault] = []
    for number in range(count if weights else 0):
        at = _moment(scenario, swarm, aims, faults, draws(seed, "moment", number))
        fault = _fault(scenario, swarm, weights, places, at, draws(seed, "fault", number), lasting)
        if fault is not None and _within_promise(fault, faults):
            faults.append(fault)
    return sorted(faults, key=lambda fault: fault.at_seconds)


def _weights(kinds: Sequence[FaultKind], seed: int) -> dict[FaultKind, float]:
    """The kinds this seed takes (one at least), and how often each is to be chosen beside the others."""
    of = {kind: draws(seed, f"kind/{kind.value}") for kind in kinds if kind not in SAID}
    chances = {kind: of[kind].random() for kind in of}
    taken = [kind for kind in of if chances[kind] < KIND_SHARE] or sorted(of, key=lambda kind: chances[kind])[:1]
    return {kind: of[kind].uniform(0.1, 1.0) for kind in taken}


def _moment(
    scenario: Scenario, swarm: Swarm, aims: Sequence[Mail | Fault], faults: Sequence[Fault], of: random.Random
) -> float:
    """When a fault strikes: while one of *aims* is under way, soon after another of *faults*, or at any time."""
    at, aim = of.uniform(swarm.at_seconds, scenario.duration_seconds), of.random()
    times = [event.at_seconds for event in (aims if aim < AIMED_SHARE else faults)]
    if times and aim < AIMED_SHARE + FOLLOWING_SHARE:
        aimed = of.choice(times) + _magnitude(of, *(AIM_SECONDS if aim < AIMED_SHARE else FOLLOWING_SECONDS))
        at = aimed if swarm.at_seconds <= aimed <= scenario.duration_seconds else at
    return round(at, 6)


def _fault(
    scenario: Scenario,
    swarm: Swarm,
    weights: dict[FaultKind, float],
    places: dict[str, float],
    at: float,
    of: random.Random,
    lasting: Callable[[random.Random, float, float], float],
) -> Fault | None:
    """One fault at that time; None where there is nothing it could be about.

    weights: of kinds; places: of hosts; lasting: draws how long, in a range.
    """
    kind = of.choices(list(weights), list(weights.values()))[0]
    seconds = 0.0 if kind in INSTANT - {FaultKind.POWER_AT_STEP} else lasting(of, *swarm.seconds)
    amount = _amount(kind, of)
    targets = _targets(scenario, swarm, kind)
    if not targets:
        return None
    target = of.choices(targets, [min(places[name] for name in names) for names in targets])[0]
    return Fault(kind, at, target, round(seconds, 6), amount)


def _amount(kind: FaultKind, of: random.Random) -> float:
    if kind not in _AMOUNTS:
        return 0.0
    amount = _magnitude(of, *_AMOUNTS[kind])
    if kind is FaultKind.CLOCK_STEP:
        amount *= of.choice((-1, 1))
    return float(round(amount)) if kind in _WHOLE else round(amount, 6)


def _targets(scenario: Scenario, swarm: Swarm, kind: FaultKind) -> list[tuple[str, ...]]:
    breakable = swarm.hosts or tuple(plan.name for plan in scenario.hosts)
    if kind in SPLITS:
        return _sides([plan.name for plan in scenario.hosts if plan.program is Program.ECELERITY])
    if kind in PAIRS:
        pairs = [(link.one, link.other) for link in scenario.links if link.one in breakable or link.other in breakable]
        if not pairs:
            names = [plan.name for plan in scenario.hosts]
            pairs = [(one, other) for one in breakable for other in names if one != other]
        return [pair for one, other in pairs for pair in ((one, other), (other, one))]
    programs = {plan.name: plan.program for plan in scenario.hosts}
    return [(name,) for name in breakable if programs[name] in _PROGRAMS.get(kind, _ANY)]


def _sides(nodes: Sequence[str]) -> list[tuple[str, ...]]:
    """What a split cuts off: nodes that stand beside each other, at most half of them; the last is beside the first."""
    ring = [*nodes, *nodes]
    sizes = range(1, len(nodes) // 2 + 1)
    return [tuple(ring[first : first + size]) for size in sizes for first in range(len(nodes))]


_ANY = tuple(Program)
_WITH_A_SERVICE = (
    FaultKind.STOP,
    FaultKind.POWER_AT_STEP,
    FaultKind.DISK_FULL,
    FaultKind.DISK_ERROR,
    FaultKind.SYNC_ERROR,
    FaultKind.DISK_SLOW,
    FaultKind.READ_ONLY,
    FaultKind.DESCRIPTORS,
)
_PROGRAMS = dict.fromkeys(_WITH_A_SERVICE, (Program.ECELERITY, Program.ECCMGR, Program.SINK)) | {
    FaultKind.BIT_ROT: (Program.ECELERITY,),
    **dict.fromkeys(NAME_FAULTS, (Program.NAMESERVER,)),
}


def _within_promise(fault: Fault, others: Sequence[Fault]) -> bool:
    """Whether the product promises to survive *fault* beside *others*.

    Clock steps together stay below an hour, since mail has an age after which it is given up (Message_Expiration).
    """
    if fault.kind is FaultKind.BIT_ROT:
        return sum(other.kind is FaultKind.BIT_ROT for other in others) < ROTS_MAX
    return True


def _magnitude(of: random.Random, low: float, high: float) -> float:
    """Between *low* and *high*, every order of magnitude as likely as the others."""
    return low if high <= low else math.exp(of.uniform(math.log(max(low, 1e-6)), math.log(high)))
