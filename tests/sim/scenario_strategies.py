"""Scenarios drawn at random: good ones, of every field, over a small tree of real files."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from momentum_trio.config.include import DirectoryListing, ErrorOfReading, Supply
from sim import checks
from sim.measure import COUNT, SIZE
from sim.member_acts import drawn_act, text_of
from sim.scenario import (
    CONFIGURED,
    INSTANT,
    NAME_FAULTS,
    PAIRS,
    SAID,
    SPLITS,
    Act,
    Behaviour,
    Carried,
    DnsAnswer,
    Expect,
    Fault,
    FaultKind,
    Heal,
    HostPlan,
    Leaving,
    LinkPlan,
    Load,
    Mail,
    Members,
    NamePlan,
    Operator,
    Program,
    Scenario,
    SinkPlan,
    Swarm,
    Turn,
    Way,
)
from sim.scenario_options import CONFIG_AT, EXTENSIONS, FAULTS

SOURCE = "work/drawn.sim"
TREE: dict[str, bytes] = {  # the real files there are
    "work/prod/ecelerity.conf": b'include "conf.d"\nControl_Listener { Listen "/run/ec/2025" { } }\n',
    "work/prod/conf.d/names.conf": b"Hostname = mx.example.com\nDelivery_Method = BLACKHOLE\n",
    "work/small.conf": b"Delivery_Method = BLACKHOLE\n",
    "work/by_mx.conf": b"# nothing\n",
    "work/certs/mx.pem": b"-----\x00\xff",
}
PRODUCTS = {  # config_source: the files it brings, by path beside it, and folders
    "prod/ecelerity.conf": (("conf.d/names.conf", "ecelerity.conf"), ("/run/ec",)),
    "small.conf": (("small.conf",), ()),
}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=6)
shares = st.floats(0, 1)
durations = st.floats(0, 1e6) | st.sampled_from([0.0, 0.1, 0.25, 1.0, 12.5, 60.0, 1e-7])
counts = st.integers(0, 10_000)


def reading(path: str) -> Supply:
    """What TREE has at *path*."""
    if path in TREE:
        return TREE[path]
    names = [name[len(path) + 1 :] for name in TREE if name.startswith(f"{path}/")]
    plain = [name for name in names if "/" not in name]
    return DirectoryListing(plain) if plain else ErrorOfReading()


def ranges(values: SearchStrategy[int]) -> SearchStrategy[tuple[int, int]]:
    """Two of *values* in order."""
    return st.tuples(values, values).map(lambda two: (min(two), max(two)))


@st.composite
def scenarios(draw: DrawFn) -> Scenario:
    """A scenario that can be read again from what is written of it."""
    names = draw(st.lists(words, min_size=2, max_size=5, unique=True))
    hosts = tuple(draw(_hosts(name, number)) for number, name in enumerate(names))
    duration = draw(durations)
    clients = [plan for plan in hosts if plan.program is Program.CLIENT]
    targets = st.sampled_from([*names, *(address for plan in hosts for address in plan.addresses)])
    some = st.lists(st.sampled_from(names), max_size=3, unique=True).map(tuple)
    mails = tuple(
        draw(_mails(f"m{number}", clients, targets, duration))
        for number in range(draw(st.integers(0, 3)) if clients else 0)
    )
    loads = tuple(
        draw(_loads(f"l{number}", clients, targets, duration))
        for number in range(draw(st.integers(0, 2)) if clients else 0)
    )
    pairs = [(one, other) for number, one in enumerate(names) for other in names[:number]]
    return Scenario(
        hosts=hosts,
        links=tuple(draw(_links(*pair)) for pair in draw(st.lists(st.sampled_from(pairs), max_size=3, unique=True))),
        names=tuple(draw(_names(name, some)) for name in draw(st.lists(words, max_size=2, unique=True))),
        mails=mails,
        loads=loads,
        operators=draw(_operators_of(hosts, duration)),
        members=draw(_members_of(hosts, duration)),
        faults=tuple(draw(st.lists(_faults(hosts, duration), max_size=4))),
        swarm=draw(st.none() | _swarms(some, duration)),
        expect=draw(_expectations(some)),
        duration_seconds=duration,
        short_share=draw(shares),
        seed=draw(st.integers(0, 2**63 - 1)),
        unreachable=draw(st.sampled_from([(), ("192.0.2.0/24",), ("198.51.100.7/32", "fd82::/32")])),
        source=SOURCE,
    )


@st.composite
def _names(draw: DrawFn, name: str, some: SearchStrategy[tuple[str, ...]]) -> NamePlan:
    return NamePlan(
        f"{draw(st.sampled_from(['', '*.']))}{name}.example",
        draw(some),
        draw(some.map(lambda hosts: tuple(f"10 {host}" for host in hosts)) | st.just(("0 .",))),
        draw(st.sampled_from([(), ('TXT "v=spf1 -all"', "AAAA fd00::1")])),
        draw(st.sampled_from(DnsAnswer)),
        draw(durations),
        draw(shares),
        draw(st.booleans()),
    )


_sinks = st.builds(
    SinkPlan,
    st.lists(st.integers(1, 65535), min_size=1, max_size=2).map(tuple),
    st.lists(st.sampled_from(EXTENSIONS), max_size=4).map(tuple),
    st.booleans(),
    st.lists(
        st.builds(
            Behaviour,
            words,
            st.sampled_from(Turn),
            st.sampled_from(Way),
            st.sampled_from(["", "550 5.1.1 no such user", "421 bye"]),
            durations,
            st.sampled_from([(), ("*@slow.example",), ("a@b", "c@d")]),
            shares,
            counts,
            counts,
        ),
        max_size=3,
        unique_by=lambda behaviour: behaviour.name,
    ).map(tuple),
)


@st.composite
def _hosts(draw: DrawFn, name: str, number: int) -> HostPlan:
    addresses = (f"10.0.{number}.1", *draw(st.sampled_from([(), (f"fd00::{number + 1}", f"10.0.{number}.2")])))
    program = draw(st.sampled_from(Program))
    given = draw(st.dictionaries(words.map(lambda word: f"/srv/{word}"), st.binary(max_size=9) | texts.map(str.encode)))
    files, sources, source, config = dict(given), dict[str, str](), "", ""
    folders: tuple[str, ...] = ()
    if draw(st.booleans()):
        files["/etc/ssl/mx.pem"], sources["/etc/ssl/mx.pem"] = TREE["work/certs/mx.pem"], "certs/mx.pem"
    if program in CONFIGURED:
        config = draw(st.sampled_from([CONFIG_AT, "/etc/ecelerity.conf"]))
        source = draw(st.sampled_from(["", *PRODUCTS]))
        if source:
            brought, folders = PRODUCTS[source]
            for path in brought:
                real = f"work/{source.rpartition('/')[0]}/{path}".replace("//", "/")
                at = config if real == f"work/{source}" else f"{config.rpartition('/')[0]}/{path}"
                files[at], sources[at] = TREE[real], ""
        else:
            files[config] = b"Hostname = mx.example.com\nDelivery_Method = BLACKHOLE\n"
    return HostPlan(
        name=name,
        addresses=addresses,
        program=program,
        config=config,
        config_source=source,
        root=draw(st.sampled_from(["", "prod", "/srv/root"])) if not source else "",
        files=tuple(files.items()),
        folders=folders,
        file_sources=tuple(sources.items()),
        users=draw(st.sampled_from([(), (("ecuser", 1000), ("a b", 7))])),
        environment=draw(st.dictionaries(words | texts, texts, max_size=2).map(lambda pairs: tuple(pairs.items()))),
        clock_skew_seconds=draw(st.floats(-1e6, 1e6)),
        clock_rate=draw(st.floats(0.01, 100)),
        sink=draw(_sinks) if program is Program.SINK else SinkPlan(),
    )


@st.composite
def _links(draw: DrawFn, one: str, other: str) -> LinkPlan:
    rate = st.floats(0, 1e9) | st.sampled_from([0.0, 1e6, 1500.0, 2e9])
    return LinkPlan(one, other, draw(durations), draw(durations), draw(rate), draw(shares))


@st.composite
def _mails(draw: DrawFn, name: str, clients: list[HostPlan], targets: SearchStrategy[str], duration: float) -> Mail:
    client = draw(st.sampled_from(clients))
    return Mail(
        name=name,
        at_seconds=draw(st.floats(0, duration)),
        source=client.name,
        target=draw(targets),
        port=draw(st.integers(1, 65535)),
        forward_paths=tuple(draw(st.lists(texts, min_size=1, max_size=3))),
        reverse_path=draw(texts),
        octets=draw(counts),
        session=draw(counts),
        source_address=draw(st.sampled_from(["", *client.addresses])),
        leaves=draw(st.sampled_from(Leaving)),
        notify=draw(st.sampled_from(["", "NEVER", "FAILURE,DELAY"])),
        chunks=tuple(draw(st.lists(counts, max_size=3))),
        carried=draw(st.sampled_from(Carried)),
    )


@st.composite
def _loads(draw: DrawFn, name: str, clients: list[HostPlan], targets: SearchStrategy[str], duration: float) -> Load:
    client, at = draw(st.sampled_from(clients)), draw(st.floats(0, duration))
    return Load(
        name=name,
        source=(client.name,),
        target=draw(targets),
        port=draw(st.integers(1, 65535)),
        count=draw(counts),
        at_seconds=at,
        seconds=draw(st.floats(0, max(duration - at, 0.0))),
        octets=draw(ranges(counts)),
        recipients=draw(ranges(st.integers(1, 9))),
        forward_paths=tuple(draw(st.lists(texts, min_size=1, max_size=3))),
        reverse_path=draw(texts),
        session_mails=draw(ranges(st.integers(1, 9))),
        source_addresses=draw(st.sampled_from([(), client.addresses])),
        leaves=draw(st.floats(0, 1)),
        notify=draw(st.sampled_from(["", "NEVER", "FAILURE,DELAY"])),
        chunks=draw(ranges(counts)),
        carried=draw(st.sampled_from(Carried)),
    )


def _operators_of(hosts: Sequence[HostPlan], duration: float) -> SearchStrategy[tuple[Operator, ...]]:
    consoles = [plan for plan in hosts if plan.program in CONFIGURED]
    if not consoles:
        return st.just(())
    operators = st.lists(_operators(consoles, duration), max_size=2, unique_by=lambda operator: operator.name)
    return operators.map(tuple)


@st.composite
def _operators(draw: DrawFn, consoles: Sequence[HostPlan], duration: float) -> Operator:
    at, plan = draw(st.floats(0, duration)), draw(st.sampled_from(consoles))
    needed = Act.SET if plan.program is Program.ECELERITY else Act.BROADCAST
    return Operator(
        draw(words),
        plan.name,
        draw(counts),
        at,
        draw(st.floats(0, max(duration - at, 0.0))),
        tuple(act for act in Act if act is needed or draw(st.booleans())),
    )


def _members_of(hosts: Sequence[HostPlan], duration: float) -> SearchStrategy[tuple[Members, ...]]:
    nodes = [plan.name for plan in hosts if plan.program is Program.ECELERITY]
    if not nodes:
        return st.just(())
    return st.lists(_members(nodes, duration), max_size=2, unique_by=lambda members: members.name).map(tuple)


@st.composite
def _members(draw: DrawFn, nodes: Sequence[str], duration: float) -> Members:
    at = draw(st.floats(0, duration))
    beside = tuple(draw(st.lists(st.sampled_from(nodes), min_size=1, unique=True)))
    groups = tuple(draw(st.lists(words, min_size=1, max_size=3)))
    return Members(draw(words), beside, groups, draw(counts), at, draw(st.floats(0, max(duration - at, 0.0))))


@st.composite
def _faults(draw: DrawFn, hosts: Sequence[HostPlan], duration: float) -> Fault:
    only = dict.fromkeys(SAID | SPLITS | {FaultKind.BIT_ROT}, Program.ECELERITY)
    only |= dict.fromkeys(NAME_FAULTS, Program.NAMESERVER)
    names, programs = [plan.name for plan in hosts], {plan.program for plan in hosts}
    kind = draw(st.sampled_from([kind for kind in FaultKind if only.get(kind, hosts[0].program) in programs]))
    among = st.sampled_from([plan.name for plan in hosts if plan.program is only.get(kind, plan.program)])
    form = FAULTS[kind]
    targets = among.map(lambda name: [name]) if kind not in PAIRS else st.permutations(names).map(lambda p: p[:2])
    acts = st.randoms(use_true_random=False).map(lambda of: text_of(drawn_act(of, ("red", "blue"), names)))
    said = {FaultKind.MEMBER: acts}
    amounts = {COUNT: counts.map(float), SIZE: counts.map(float), None: st.just(0.0)}
    return Fault(
        kind,
        draw(st.floats(0, duration)),
        tuple(draw(targets)),
        0.0 if kind in INSTANT - {FaultKind.POWER_AT_STEP} else draw(durations),
        draw(amounts.get(form.amount, shares)),
        draw(said.get(kind, texts)) if form.has_text else "",
    )


@st.composite
def _swarms(draw: DrawFn, some: SearchStrategy[tuple[str, ...]], duration: float) -> Swarm:
    kinds = [kind for kind in FaultKind if kind not in SAID]
    seconds = draw(st.tuples(durations, durations))
    return Swarm(
        tuple(draw(st.lists(st.sampled_from(kinds), max_size=4))),
        draw(some),
        draw(ranges(counts)),
        (min(seconds), max(seconds)),
        draw(st.floats(0, duration)),
    )


@st.composite
def _expectations(draw: DrawFn, some: SearchStrategy[tuple[str, ...]]) -> Expect:
    sufficient = draw(some)
    return Expect(
        tuple(draw(st.lists(st.sampled_from([check.name for check in checks.ALL]), max_size=2, unique=True))),
        draw(durations),
        draw(st.sampled_from(Heal)) if sufficient else Heal.ALL,
        sufficient,
        draw(st.sampled_from([(), ("client.example",)])),
        draw(shares),
        draw(st.sampled_from([(), ("fault.kill", "relay_denied")])),
    )
