"""Explanations as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from momentum_trio.node.explanation.admission import Admission
from momentum_trio.node.explanation.conversation import Turn
from momentum_trio.node.explanation.inbound import (
    CEILING_REPLY,
    Ceiling,
    Explained,
    Explanation,
    PeerSeen,
)
from momentum_trio.node.explanation.origin import Asking, Effective
from momentum_trio.node.explanation.outbound import Delivery, OutboundExplanation
from momentum_trio.protocol.smtp import replies

TEXT_SHOWN_MAX = 60  # of a value: a list of thousands is for the JSON form
COLUMN_MAX = 64
INDENT = "  "


def inbound_lines(told: Explanation) -> Iterator[str]:
    """All of *told*."""
    if told.refused:
        yield f"{told.peer} has no session{f' at {told.to}' if told.to else ''}: {told.refused}"
        return
    yield f"{told.peer} connects to {told.to}: accepted by {told.listen} of {told.listener}, {told.listen_at}"
    yield from (f"{INDENT}but {other} takes the connections to its own address" for other in told.others)
    yield from _section("Asked for each option, most specific first", _asking(told.chain))
    yield from _section("Peers", _peers(told))
    if told.admission is not None:
        yield from _section("At the console he is", _admission(told.admission))
    yield from _section("The session", _session(told.conversation))
    yield from _section("Content is judged by", _content(told))
    yield from _section("Depends on the moment", _moment(told))
    yield from _section("Options that are set", _options([each for each in told.options if not each.is_default]))
    yield from _section("Options at their default", _options([each for each in told.options if each.is_default]))
    yield from _section("Set, but nothing reads it yet", _options(told.idle))


def outbound_lines(told: OutboundExplanation) -> Iterator[str]:
    """All of *told*."""
    yield f"Mail to {told.domain} by binding {told.binding} goes {told.delivery.words}"
    yield from _options(told.delivery.deciding, INDENT)
    if told.suspended:
        yield "It waits: Suspend_Delivery holds"
    yield from _section("Asked for each option, most specific first", _asking(told.chain))
    if told.routing_chain:
        head = f"The conversation has the options of {told.routing_domain}; asked are"
        yield from _section(head, _asking(told.routing_chain))
    yield from _section("Throttles and limits", _shared(told))
    every = (*told.of_mail, *told.of_way)
    yield from _section("Options that are set", _options([each for each in every if not each.is_default]))
    yield from _section("Options at their default", _options([each for each in every if each.is_default]))


def option_lines(options: Sequence[Effective]) -> Iterator[str]:
    """One option, with every scope that sets it."""
    for option in options:
        if option.is_default:
            yield f"{option.option} = {option.text}  (the default: no scope that is asked sets it)"
            continue
        yield f"{option.option} = {option.text}"
        rows = [(f"{number}  {_cut(said.text)}", said.at, said.scope) for number, said in enumerate(option.said, 1)]
        yield from (INDENT + line for line in _columns(rows))
        if len(option.said) > 1:
            yield f"{INDENT}the first holds, the others are overridden"
        if not option.acts:
            yield f"{INDENT}nothing reads it yet"


def _section(head: str, lines: Iterable[str]) -> Iterator[str]:
    held = list(lines)
    if held:
        yield ""
        yield head
        yield from held


def _asking(chain: Sequence[Asking]) -> Iterator[str]:
    rows = [(f"{number}  {asking.scope}", asking.at) for number, asking in enumerate(chain, 1)]
    return (INDENT + line for line in _columns(rows))


def _peers(told: Explanation) -> Iterator[str]:
    rows = [(_holds(peer), peer.scope, peer.at) for peer in told.peers]
    yield from (INDENT + line for line in _columns(rows))
    if told.peers_missed_count:
        yield f"{INDENT}and {told.peers_missed_count} more that do not hold him"
    if sum(peer.holds for peer in told.peers) > 1:
        yield f"{INDENT}of one scope the longest prefix is asked first, and the Listen's Peers before the listener's"


def _holds(peer: PeerSeen) -> str:
    if peer.holds:
        return "holds him"
    return f"no: {peer.bits} of its {peer.prefix} bits agree" if peer.prefix >= 0 else "no: another family"


# the console


def _admission(told: Admission) -> Iterator[str]:
    yield f"{INDENT}{told.words}" if told.is_let_in else f"{INDENT}turned away: {told.words}"
    yield from _options(told.options, INDENT * 3)
    if told.groups:
        yield f"{INDENT}his roles are {told.user}, and those that {told.groups} gives him when he asks"
    if told.judged is not None:
        yield f"{INDENT}> {told.judged.command}"
        yield f"{INDENT * 2}{told.judged.words}"
        rows = [(f'Role "{seen.role}"', seen.at or "not defined") for seen in told.judged.roles]
        yield from (INDENT * 3 + line for line in _columns(rows))
        yield from _options(told.judged.options, INDENT * 3)


# the session


def _session(conversation: Sequence[Explained]) -> Iterator[str]:
    for explained in conversation:
        turn = explained.turn
        if turn.said:
            yield f"{INDENT}> {turn.said}"
        yield from (f"{INDENT}< {line}" for line in turn.reply)
        yield from _why(turn, explained.options)
        if explained.delivery is not None:
            yield from _delivery(explained.delivery)


def _why(turn: Turn, options: Sequence[Effective]) -> Iterator[str]:
    if not turn.taken:
        yield f"{INDENT * 3}refused by {turn.module}: {turn.rule}"
    elif turn.rule:
        yield f"{INDENT * 3}{turn.rule}"
    elif turn.checks:
        yield f"{INDENT * 3}passed {', '.join(asked.check for asked in turn.checks)}"
    if turn.note:
        yield f"{INDENT * 3}{turn.note}"
    shown = options if not turn.taken else [option for option in options if not option.is_default]
    yield from _options(shown, INDENT * 4)


def _delivery(delivery: Delivery) -> Iterator[str]:
    yield f"{INDENT * 3}it goes {delivery.words}, by binding {delivery.binding}"
    yield from _options([option for option in delivery.deciding if not option.is_default], INDENT * 4)


def _content(told: Explanation) -> Iterator[str]:
    for asked, options in told.content:
        yield f"{INDENT}{asked.check}: {asked.meaning}"
        yield from _options(options, INDENT * 3)


def _moment(told: Explanation) -> Iterator[str]:
    yield from (line for ceiling in told.ceilings for line in _ceiling(ceiling))
    if told.admission is not None:
        yield f"{INDENT}guesses: with too many wrong ones from his address he has to wait"
        if told.admission.groups:
            yield f"{INDENT}the roles that the file of groups gives him"
    else:
        yield f"{INDENT}descriptors: when they are all in use, {CEILING_REPLY}"
        yield f"{INDENT}what this connection has brought so far: this is taken for its first message"
        yield f"{INDENT}the spool: {replies.SPOOL_FULL} when it is full, {replies.TRANSACTION_FAILED} when it is sick"


def _ceiling(ceiling: Ceiling) -> Iterator[str]:
    yield f"{INDENT}{ceiling.counts}: when there are {ceiling.limit}, {CEILING_REPLY}"
    yield from _options([ceiling.option], INDENT * 3)


def _shared(told: OutboundExplanation) -> Iterator[str]:
    for shared in told.shared:
        yield from _options([shared.option])
        yield f"{INDENT * 3}counts {shared.counts}"


# options


def _options(options: Sequence[Effective], indent: str = INDENT) -> Iterator[str]:
    rows = [_row(option) for option in options]
    return (indent + line for line in _columns(rows))


def _row(option: Effective) -> tuple[str, ...]:
    said = f"{option.option} = {_cut(option.text)}"
    if option.is_default:
        return (said, "default")
    wider = len(option.said) - 1
    over = f"  (over {wider} wider)" if wider else ""
    return (said, option.at, option.scope + over)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN_MAX else text[: TEXT_SHOWN_MAX - 4] + " ..."


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """*rows* with their columns one below the other, as far as COLUMN_MAX allows."""
    count = max(map(len, rows), default=0)
    widths = [max(min(len(row[place]), COLUMN_MAX) for row in rows if place < len(row)) for place in range(count)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip()
