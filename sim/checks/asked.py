"""What operators had a cluster's manager ask of its nodes, and what it then told them that nodes have answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from momentum_trio.console.broadcast import ReplyState
from momentum_trio.node.commands.eccmgr import SAID

from ..evidence import Evidence, Exchange
from ..reference_configuration import Broken, Configuration, Path, Words, place, read, words_of
from ..scenario import Program

DONE = frozenset({ReplyState.ANSWERED, ReplyState.FAILED})
STATES = {said: state for state, said in SAID.items()}
_ROW = re.compile(rf"^\[(\S+)\] ?({'|'.join(map(re.escape, filter(None, SAID.values())))}|)$", re.M)
_TO_ALL, _TO_ONE, _TO_SOME = "broadcast", "unicast", "subcluster broadcast"
_OF_ALL, _OF_ONE, _OF_SOME = "retrieve", "retrieve_node", "subcluster retrieve"


class Asking(NamedTuple):
    """*command* was given to the manager *manager*, in its life *life*, for *node*; empty: for several of its nodes.

    began, ended: as an Exchange has them. heard: the names it said it was sent to; none where its answer never came.
    """

    manager: str
    life: int
    command: str
    node: str
    began: float
    ended: float | None
    heard: tuple[str, ...] = ()

    def concerns(self, host: str) -> bool:
        """Whether *host* may have run it for that."""
        return self.node in ("", host)


class Row(NamedTuple):
    """What the manager tells of one node."""

    node: str
    state: ReplyState
    text: str


class Looked(NamedTuple):
    """Somebody looked what was answered to *command*, by *node* or, where that is empty, by several.

    rows: what he was told; none where he was told that there is nothing.
    """

    manager: str
    life: int
    command: str
    node: str
    began: float
    ended: float
    rows: tuple[Row, ...]


class Setting(NamedTuple):
    """What ``config set`` is to make hold; *words* is None for ``config unset``."""

    path: Path
    option: str
    words: Words | None

    def on(self, configuration: Configuration) -> Configuration:
        """*configuration* with it made."""
        if self.words is None:
            return configuration.without(self.path, self.option)
        return configuration.with_option(self.path, self.option, self.words)


def at_managers(evidence: Evidence) -> Iterator[Exchange]:
    """All that was said at the consoles of managers."""
    managers = {plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECCMGR}
    return (exchange for exchange in evidence.exchanges if exchange.host in managers)


def askings(evidence: Evidence) -> list[Asking]:
    """All that may have been asked, in the order in which that was begun."""
    found = []
    for exchange in at_managers(evidence):
        aim = _aimed(exchange.line, _TO_ALL, _TO_ONE, _TO_SOME)
        if aim is not None and exchange.ok is not False:
            node, command = aim
            _, _, names = exchange.answer.strip().partition("Sent to ")
            heard = tuple(names.split(", ")) if names else ()
            found.append(Asking(exchange.host, exchange.life, command, node, exchange.began, exchange.ended, heard))
    return found


def looks(evidence: Evidence) -> Iterator[Looked]:
    """All that was told, in order."""
    for exchange in at_managers(evidence):
        aim = _aimed(exchange.line, _OF_ALL, _OF_ONE, _OF_SOME)
        if aim is not None and exchange.ended is not None:
            node, command = aim
            rows = rows_of(exchange.answer) if exchange.ok else ()
            yield Looked(exchange.host, exchange.life, command, node, exchange.began, exchange.ended, rows)


def rows_of(answer: str) -> tuple[Row, ...]:
    """The rows of an answer to ``retrieve``."""
    found = list(_ROW.finditer(answer))
    ends = [*(row.start() for row in found[1:]), len(answer)]
    return tuple(
        Row(row[1], STATES[row[2]], answer[row.end() : end].strip()) for row, end in zip(found, ends, strict=False)
    )


def setting_of(command: str) -> Setting | None:
    """What *command* is to set, or unset; None where it does neither, or the slow reader does not understand it."""
    match command.split(maxsplit=2):
        case ["config", "set" | "unset" as verb, rest]:
            try:
                path, option, value = place(rest)
                if verb == "set":
                    return Setting(path, option, words_of(value))
                return None if value else Setting(path, option, None)
            except Broken:
                return None
    return None


def option_of(command: str) -> Setting | None:
    """What ``config get`` asks for, without a value; None of any other command."""
    match command.split(maxsplit=2):
        case ["config", "get", rest]:
            path, option, _ = place(rest)
            return Setting(path, option, None)
    return None


def differ(evidence: Evidence, host: str, one: str, other: str) -> bool:
    """Whether the configurations *one* and *other* of *host* differ in what no manager was to set there."""
    asked = [setting_of(asking.command) for asking in askings(evidence) if asking.concerns(host)]
    settings = [setting for setting in asked if setting is not None]
    if not settings:
        return one != other
    try:
        return _but_for(settings, read(one)) != _but_for(settings, read(other))
    except Broken:
        return one != other


def _but_for(settings: list[Setting], configuration: Configuration) -> Configuration:
    for setting in settings:
        configuration = configuration.without(setting.path, setting.option)
    return Configuration({path: words for path, words in configuration.scopes.items() if words})


class _Aim(NamedTuple):
    """node: empty for several."""

    node: str
    command: str


def _aimed(line: str, all_: str, one: str, some: str) -> _Aim | None:
    """Whom *line* is for, and what; None where it begins with none of the three."""
    for verb, named in ((some, True), (one, True), (all_, False)):
        if line.startswith(f"{verb} "):
            rest = line.removeprefix(f"{verb} ").strip()
            name, _, command = rest.partition(" ") if named else ("", "", rest)
            return _Aim(name if verb == one else "", command.strip())
    return None
