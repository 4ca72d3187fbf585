"""What a cluster's manager tells of its nodes' answers is what they did, each of them once for each asking.

Judged by what nodes have in force, generation by generation. That a node ran a command at all, and how often, its own
account of it says. Where nothing is broken all nodes are asked, and answer soon; when all is mended they do, in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from momentum_trio.cluster.relay import BUSY
from momentum_trio.console.broadcast import ReplyState
from momentum_trio.mail.record import Authorized
from momentum_trio.net.group import node_of
from momentum_trio.protocol.cluster.relay import QUESTIONS_MAX

from ..evidence import Evidence, Violation
from ..reference_configuration import Words, words_of
from ..scenario import FaultKind, Program
from .asked import DONE, Asking, Looked, Row, Setting, askings, at_managers, looks, option_of, setting_of
from .components import HARMLESS
from .custody import overlaps, strikes
from .timed import timed

if TYPE_CHECKING:
    from ..holding import Held

NAME = "broadcasts_as_told"
ANSWERED_SECONDS = 5.0  # in which nodes answer that nothing disturbs
ANEW_SECONDS = 10.0  # until a manager that is told to come anew has done so
FLUSH, ANEW = "flush control cache", "config set cluster "
TAKEN_BACK = ("config rollback", "config commit confirmed", "config writeback")  # what makes hold what held before
RELAYED = "cluster:"  # how a node's account names the console of others
DISTURBING = frozenset(FaultKind) - HARMLESS - {FaultKind.MEMBER}


def broadcasts_as_told(evidence: Evidence) -> Iterator[Violation]:
    """One for each thing told that is not so, for each done too often, and for each manager that nobody answers."""
    story = _Story(evidence)
    yield from story.too_often()
    yield from story.left_out()
    for look in looks(evidence):
        yield from story.judged(look)
    for host, why in evidence.reached.items():
        if why:
            yield Violation(NAME, f"all is mended, and {host} does not get the answers of all nodes: {why}", host=host)


class _Story:
    """What was asked, what nodes ran and when, and what they had in force."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._asked = askings(evidence)
        self._nodes = [plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY]
        self._held: dict[str, list[Held]] = {name: [] for name in self._nodes}
        for held in evidence.held:
            if held.host in self._held:
                self._held[held.host].append(held)
        self._ran: dict[tuple[str, str, str], list[float]] = {}  # by node, command and manager
        for life, record, at in timed(evidence):
            if isinstance(record, Authorized) and record.endpoint.startswith(RELAYED):
                place = life.host.name, record.command, node_of(record.peer.rpartition("@")[2])
                self._ran.setdefault(place, []).append(at)

    # how often

    def too_often(self) -> Iterator[Violation]:
        """What a node ran, or made hold, more often than it was asked."""
        for (node, command, manager), times in self._ran.items():
            count = sum(
                each.manager == manager and each.command == command and each.concerns(node) for each in self._asked
            )
            if len(times) > count:
                text = f"{node} ran '{command}' {len(times)} times for {manager}, which asked {count} times"
                yield Violation(NAME, text, times[-1], host=node)
        for node in self._nodes:
            for setting, count in self._settings(node).items():
                times = self._began_to_hold(node, setting)
                if len(times) > count:
                    text = f"{node} made {_said(setting)} hold {len(times)} times, and was asked {count} times"
                    yield Violation(NAME, text, times[-1], host=node)

    def _settings(self, node: str) -> Counter[Setting]:
        """What managers asked *node* to set, and how often anybody did; none where it may have held again by itself."""
        here = [each for each in self._evidence.exchanges if each.host == node and each.ok is not False]
        if any(each.line.startswith(TAKEN_BACK) for each in here):
            return Counter()
        asked = [setting_of(each.command) for each in self._asked if each.concerns(node)]
        settings = [*asked, *(setting_of(each.line) for each in here)]
        return Counter(each for each in settings if each is not None and each.words is not None and each in asked)

    def _began_to_hold(self, node: str, setting: Setting) -> list[float]:
        """When it came to hold at *node* what *setting* says, and did not before, in the same life."""
        held = self._held[node]
        return [
            now.at
            for before, now in pairwise(held)
            if before.life == now.life and _has(now, setting) and not _has(before, setting)
        ]

    # whom it was sent to

    def left_out(self) -> Iterator[Violation]:
        """Nodes that nothing kept from being asked."""
        for asking in self._asked:
            others = [node for node in self._nodes if asking.concerns(node) and node not in asking.heard]
            if others and asking.ended is not None and self._is_calm(asking.manager, asking.began, asking.ended):
                text = f"nothing is broken, and '{asking.command}' is not sent to {', '.join(others)}"
                yield Violation(NAME, text, asking.began, host=asking.manager)

    # what was told

    def judged(self, look: Looked) -> Iterator[Violation]:
        """What is wrong with what was told."""
        asked = [asking for asking in self._asked if self._may_be_told(asking, look)]
        for row in look.rows:
            of_it = [asking for asking in asked if row.node in self._nodes and asking.concerns(row.node)]
            texts = self._wrong(look, row, of_it) if of_it else ["was not asked"]
            for text in texts:
                told = f"{look.manager} tells of '{look.command}' at {row.node}: {row.state.value} {row.text!r}"
                yield Violation(NAME, f"{told}; it {text}", look.ended, host=look.manager)
        missing = self._missing(look, asked)
        if missing:
            text = f"{look.manager} tells nothing of '{look.command}' at {', '.join(missing)}, which it was sent to"
            yield Violation(NAME, text, look.ended, host=look.manager)

    def _may_be_told(self, asking: Asking, look: Looked) -> bool:
        if (asking.manager, asking.life, asking.command) != (look.manager, look.life, look.command):
            return False
        flushes = [each for each in at_managers(self._evidence) if each.host == look.manager and each.line == FLUSH]
        is_forgotten = asking.ended is not None and any(
            each.began >= asking.ended and each.ended is not None and each.ended <= look.began for each in flushes
        )
        return asking.began <= look.ended and not is_forgotten

    def _wrong(self, look: Looked, row: Row, asked: Sequence[Asking]) -> Iterator[str]:
        """What is wrong with *row*, where the node was *asked*."""
        began = asked[0].began
        if row.state in DONE:
            times = self._ran.get((row.node, look.command, look.manager), ())
            if row.text == BUSY.strip():
                return
            if not any(began <= at <= look.ended for at in times):
                yield "has not run it"
            yield from self._not_so(look, row, began)
        elif row.state is ReplyState.GONE and self._is_calm(look.manager, began, look.ended):
            yield "was there all the time"
        elif row.state is ReplyState.WAITING and self._is_calm(look.manager, began, look.ended):
            newest = asked[-1].ended
            if newest is not None and look.began > newest + ANSWERED_SECONDS:
                yield f"was asked {look.began - newest:g} s ago, and nothing is broken"

    def _not_so(self, look: Looked, row: Row, began: float) -> Iterator[str]:
        """What a node did otherwise than it is told to have answered."""
        setting, option = setting_of(look.command), option_of(look.command)
        if setting is not None and setting.words is not None:
            held = self._held_words(row.node, setting, began, look.ended)
            if row.state is ReplyState.ANSWERED and setting.words not in held:
                yield f"did not have {_said(setting)} in force"
            if row.state is ReplyState.FAILED and setting.words in held and self._settings(row.node)[setting] == 1:
                yield f"had {_said(setting)} in force all the same"
        if option is not None:
            held = self._held_words(row.node, option, began, look.ended)
            told = words_of(row.text.partition("=")[2]) if row.state is ReplyState.ANSWERED else None
            if told not in held:
                yield f"had {', '.join(map(str, held))} in force"

    def _held_words(self, node: str, setting: Setting, began: float, ended: float) -> list[Words | None]:
        """What the option of *setting* was at *node* at some time from *began* to *ended*."""
        held = self._held[node]
        before = [each for each in held if each.at <= began][-1:]
        later = [each for each in held if began < each.at <= ended]
        return [each.words(setting.path, setting.option) for each in (*before, *later)]

    def _missing(self, look: Looked, asked: Sequence[Asking]) -> list[str]:
        """Nodes that it was sent to, and that nothing is told of."""
        if not asked or any(each.ended is None or each.ended > look.began for each in asked):
            return []
        began = asked[-1].began
        later = [each for each in self._asked if each.manager == look.manager and each.began > began]
        if len(later) + 1 >= QUESTIONS_MAX or self._comes_anew(look.manager, began - ANEW_SECONDS, look.ended):
            return []
        told = {row.node for row in look.rows}
        return [node for node in asked[-1].heard if look.node in ("", node) and node not in told]

    def _is_calm(self, manager: str, began: float, ended: float) -> bool:
        """Whether nothing was broken from *began* to *ended*, and for as long before as it takes to recover."""
        since = began - self._evidence.bus.settle_limit_seconds
        struck = strikes(self._evidence, DISTURBING)
        return not self._comes_anew(manager, since, ended) and not any(overlaps(each, since, ended) for each in struck)

    def _comes_anew(self, manager: str, began: float, ended: float) -> bool:
        """Whether *manager* was told to at some time from *began* to *ended*: what it had asked is forgotten then."""
        said = [each for each in at_managers(self._evidence) if each.host == manager]
        return any(each.line.startswith(ANEW) and began <= each.began <= ended for each in said)


def _has(held: Held, setting: Setting) -> bool:
    return held.words(setting.path, setting.option) == setting.words


def _said(setting: Setting) -> str:
    scope = "".join(f"{kind} {instance} " for kind, instance in setting.path)
    return f"{scope}{setting.option} {setting.words}"
