"""Why a turn of a session ended as it did: the rule, and the options it read with their places (``config explain``).

The same checks answered in the play; here they are asked once more, observed. Where that does not end in the reply of
the play (a limit that counts a connection's mail, content), nothing is told.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from momentum_trio.config.tree import ConfigTree
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import parse_address
from momentum_trio.node.explanation.inbound import SMTP, Explained, explain
from momentum_trio.node.explanation.lines import turn_lines
from momentum_trio.node.explanation.question import RECIPIENTS_MAX, Inbound
from momentum_trio.protocol.rehearsal.comparison import GROUPS_MAX, Difference, Group, verb_of
from momentum_trio.protocol.rehearsal.recording import Line, Recording
from momentum_trio.protocol.rehearsal.turn import Turn, in_general

TAKEN = "2"


class Reasons:
    """Why turns went another way under *new* than under *old*: of the first of each kind (``comparison.Group``)."""

    def __init__(self, old: ConfigTree, new: ConfigTree) -> None:
        self._old, self._new = old, new
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def add(self, recording: Recording, was: Sequence[Turn], now: Sequence[Turn], found: Sequence[Difference]) -> None:
        """The differences *found* between two plays of *recording*."""
        for each in found:
            kind = each.subject, each.change
            if kind not in self._known and len(self._known) < GROUPS_MAX:
                before = reason(self._old, recording, was, each.before)
                after = reason(self._new, recording, now, each.after)
                self._known[kind] = (*_led("was: ", before), *_led("is: ", after))

    def of(self, group: Group) -> Sequence[str]:
        """Lines that say why; none where it cannot be told."""
        return self._known.get((group.subject, group.change), ())


def _led(word: str, lines: Sequence[str]) -> Sequence[str]:
    return [word + lines[0], *lines[1:]] if lines else ()


def reason(tree: ConfigTree, recording: Recording, played: Sequence[Turn], turn: Turn) -> tuple[str, ...]:
    """Lines that say why *turn*, one of those *played* under *tree* by the client of *recording*, ended so; or none."""
    if recording.listener != SMTP or not turn.answers or verb_of(turn.said) not in ("MAIL", "RCPT"):
        return ()
    try:
        told = explain(tree, _question(recording, played, turn), recording.host)
    except ValueError:  # what he said is no question
        return ()
    explained = next((each for each in reversed(told.conversation) if _is_of(each, turn)), None)
    return () if explained is None else tuple(textwrap.dedent("\n".join(turn_lines(explained))).splitlines())


def _is_of(explained: Explained, turn: Turn) -> bool:
    """Whether it is about the same command, and ended in the same reply."""
    verb, _, _ = explained.turn.said.partition(" ")
    replied = tuple(in_general(line) for line in explained.turn.reply)
    return verb == verb_of(turn.said) and replied[-1:] == tuple(in_general(turn.answers[-1].line).splitlines()[-1:])


def _question(recording: Recording, played: Sequence[Turn], turn: Turn) -> Inbound:
    """What he had said up to *turn*. Raises ValueError."""
    asked = Inbound(
        parse_address(recording.peer_address), recording.unix, recording.listener, Endpoint.parse(recording.local)
    )
    for each in played:
        is_last = each is turn
        if isinstance(each.said, Line) and (is_last or (each.answers and each.answers[-1].text.startswith(TAKEN))):
            asked = _having_said(asked, each.said.text)
        if is_last:
            break
    return replace(asked, forward_paths=asked.forward_paths[-RECIPIENTS_MAX:])


def _having_said(asked: Inbound, line: str) -> Inbound:
    verb, _, rest = line.partition(" ")
    path = rest.partition(":")[2].strip()
    match verb.upper():
        case "EHLO" | "HELO":
            return replace(asked, hello=line, reverse_path=None, forward_paths=())
        case "MAIL":
            return replace(asked, reverse_path=path, forward_paths=())
        case "RCPT":
            return replace(asked, forward_paths=(*asked.forward_paths, path))
        case "RSET":
            return replace(asked, reverse_path=None, forward_paths=())
    return asked
