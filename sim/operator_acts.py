"""What an operator does at a console, act by act: from a random source to the lines of a conversation. Pure.

He does not know what holds: an earlier change may have been refused, taken back, or lost with its process. So he may
ask for what is so already, or for what cannot be, and is told so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from .reference_configuration import Broken, Path, flat, place, read
from .scenario import Act, HostPlan, Mail, Scenario

Lines = list[str]

NOBODYS = "10.9.9.9"  # an address that no host of ours has
NEXT = "next.conf"
TORN_TRIES = 20
QUESTIONS_MAX = 3
WAIT_SECONDS = (0.05, 3.0)
CONFIRM_SECONDS = (1, 4)


@dataclass(frozen=True, slots=True)
class Desk:
    """What he knows when he begins.

    address, port: where the host takes mail. main: path of its configuration; text: that in one line, empty where he
    leaves it alone. peers: instances of Peer. callers: who sends what there: address, reverse-path, recipients.
    """

    address: str
    port: int
    main: str
    text: str
    peers: tuple[str, ...]
    callers: tuple[tuple[str, str, tuple[str, ...]], ...]

    @property
    def anywhere(self) -> str:
        """The Listen of any address."""
        return f"esmtp_listener listen *:{self.port}"

    @property
    def here(self) -> str:
        """The Listen of the host's own address."""
        return f"esmtp_listener listen {self.address}:{self.port}"

    @property
    def beside(self) -> str:
        """Another file, in the folder of the main one."""
        return f"{self.main.rpartition('/')[0]}/{NEXT}"

    @property
    def domains(self) -> list[str]:
        """Those that mail goes to."""
        return sorted({path.rpartition("@")[2] for _, _, paths in self.callers for path in paths})


def desk_of(scenario: Scenario, plan: HostPlan, mails: Sequence[Mail]) -> Desk:
    """What the operator of *plan*'s host has before him, where *mails* are all there are."""
    text, peers = "", tuple[str, ...]()
    try:
        text = flat(dict(plan.files).get(plan.config, b"").decode("utf-8", "replace"))
        peers = tuple(path[-1][1] for path in read(text).scopes if path and path[-1][0] == "peer")
    except Broken:  # more than this reader knows: he leaves the files alone
        text = ""
    address = next((each for each in plan.addresses if ip_address(each).version == 4), plan.addresses[0])
    to_it = [mail for mail in mails if mail.target in (plan.name, *plan.addresses)]
    callers = tuple((_caller(scenario, mail), mail.reverse_path, mail.forward_paths) for mail in to_it)
    return Desk(address, to_it[0].port if to_it else 25, plan.config, text, peers, callers)


def _caller(scenario: Scenario, mail: Mail) -> str:
    return mail.source_address or scenario.host(mail.source).addresses[0]


# what can be set


def _option(of: random.Random, desk: Desk) -> tuple[str, str]:
    """An option, with its scope, and a good value."""
    some = [domain for domain in desk.domains if of.random() < 0.7]
    peer = of.choice(desk.peers) if desk.peers else ""
    choices = [
        ("Retry_Interval", str(of.randint(2, 6))),
        ("Drain_Timeout", str(of.randint(1, 3))),
        ("esmtp_listener Idle_Time", str(of.randint(20, 60))),
        ("esmtp_listener Open_Relay", of.choice(("true", "false", "false"))),
        ("Relay_Domains", _list(some or desk.domains)),
    ]
    if peer:
        choices += 2 * [
            (f"esmtp_listener peer {peer} Relay_Hosts", _list(of.choice(([], [peer], desk.peers)))),
            (f"esmtp_listener peer {peer} Open_Relay", of.choice(("true", "false"))),
        ]
    return of.choice(choices)


def _list(words: Sequence[str]) -> str:
    return " ".join(("(", *(f'"{word}"' for word in words), ")"))


def _set(option: str, value: str) -> str:
    return f"config set {option} {value}"


def _switch(of: random.Random, desk: Desk) -> Lines:
    """From one Listen to the other, as the lines of a transaction."""
    old, new = (desk.anywhere, desk.here) if of.random() < 0.5 else (desk.here, desk.anywhere)
    return [f"config set {new} enable true", f"config unset {old}"]


def _some_change(of: random.Random, desk: Desk) -> Lines:
    return _switch(of, desk) if of.random() < 0.3 else [_set(*_option(of, desk))]


def _wait(of: random.Random) -> str:
    return f"wait {of.uniform(*WAIT_SECONDS):.3f}"


# the acts


def _sets(of: random.Random, desk: Desk) -> Lines:
    option, value = _option(of, desk)
    if of.random() < 0.2:
        return [f"config unset {option}"]
    return [_set(option, value)]


def _goes_wrong(of: random.Random, desk: Desk) -> Lines:
    nobodys = f"esmtp_listener listen {NOBODYS}:{desk.port}"
    moved = [f"config set {nobodys} enable true", f"config unset {of.choice((desk.anywhere, desk.here))}"]
    return of.choice(
        (
            ["config set Retry_Intervall 10"],
            ["config set Retry_Interval soon"],
            [f"config set {nobodys} enable true"],
            ["config set esmtp_listener listen :2525 enable false"],
            ["config set TLS_Certificate /nowhere.pem"],
            ["config begin", _set(*_option(of, desk)), *moved, "config commit"],
        )
    )


def _shuts(of: random.Random, desk: Desk) -> Lines:
    listen = of.choice((desk.anywhere, desk.anywhere, desk.here))
    return [f"config set {listen} enable false", _wait(of), f"config set {listen} enable true"]


def _switches(of: random.Random, desk: Desk) -> Lines:
    lines = ["config begin", *_switch(of, desk), of.choice(("config commit", "config commit", "leave: config commit"))]
    if of.random() < 0.5:
        lines += [_wait(of), "config begin", *_switch(of, desk), "config commit"]
    return lines


def _races(of: random.Random, desk: Desk) -> Lines:
    (option, value), (other, otherwise) = _option(of, desk), _option(of, desk)
    other, otherwise = (option, value) if of.random() < 0.5 else (other, otherwise)
    mine, others = _set(option, value), f"another: {_set(other, otherwise)}"
    if of.random() < 0.4:
        return ["config begin", mine, others, "config commit"]
    commits = of.choice((["both: config commit"], ["config commit", "another: config commit"]))
    return ["config begin", "another: config begin", mine, others, *commits]


def _confirms(of: random.Random, desk: Desk) -> Lines:
    seconds = of.randint(*CONFIRM_SECONDS)
    commit = f"config commit confirmed {seconds}"
    soon = f"wait {of.uniform(0, seconds):.3f}"
    ways: list[Lines] = [
        [commit],
        [commit, soon, "another: config confirm"],
        [commit, soon, "config rollback"],
        [f"leave: {commit}"],
    ]
    return ["config begin", *_some_change(of, desk), *of.choice(ways)]


def _reloads(of: random.Random, desk: Desk) -> Lines:
    if not desk.text:
        return ["config reload"]
    option, value = _option(of, desk)
    good = f"{desk.text} {_written(option, value)}"
    beside = f"config reload {NEXT}"
    return of.choice(
        (
            ["config reload"],
            [f"replace {desk.main} {good}", "config reload"],
            [f"file {desk.beside} {good}", beside],
            [f"file {desk.beside} {_torn(of, good)}", beside],
            [f"file {desk.beside} {desk.text} {_written('Retry_Interval', 'soon')}", beside],
            [f"file {desk.beside} {desk.text} ESMTP_Listener {{ Listen {NOBODYS}:{desk.port} {{ }} }}", beside],
        )
    )


def _written(option: str, value: str) -> str:
    """The option as a file has it."""
    path, name, _ = place(option)
    return _inside(path, f"{name} = {value}")


def _inside(path: Path, text: str) -> str:
    for kind, instance in reversed(path):
        text = f'{kind} "{instance}" {{ {text} }}' if instance else f"{kind} {{ {text} }}"
    return text


def _torn(of: random.Random, text: str) -> str:
    """*text* as far as it had come to the disk: no configuration any more."""
    for _ in range(TORN_TRIES):
        torn = text[: of.randrange(1, len(text))]
        try:
            read(torn)
        except Broken:
            return torn
    return text[: text.rindex("}")]


def _writes(of: random.Random, desk: Desk) -> Lines:
    lines = _sets(of, desk) if of.random() < 0.6 else []
    ways = (
        "config writeback",
        "config writeback",
        "leave: config writeback",
        f"config writeback {of.getrandbits(20)}.conf",
    )
    return [*lines, of.choice(ways)]


def _asks(of: random.Random, desk: Desk) -> Lines:
    if not desk.callers:
        return ["config show"]
    lines = []
    for _ in range(of.randint(1, QUESTIONS_MAX)):
        address, reverse_path, paths = of.choice(desk.callers)
        sender = reverse_path or "<>"
        lines.append(f"config explain {address} to {desk.address}:{desk.port} from {sender} rcpt {of.choice(paths)}")
    return lines


ACTS: Mapping[Act, Callable[[random.Random, Desk], Lines]] = {
    Act.SET: _sets,
    Act.WRONG: _goes_wrong,
    Act.LISTEN: _shuts,
    Act.SWITCH: _switches,
    Act.RACE: _races,
    Act.CONFIRMED: _confirms,
    Act.RELOAD: _reloads,
    Act.WRITEBACK: _writes,
    Act.EXPLAIN: _asks,
}
"""What each act is."""
