"""Console commands that go to other nodes, and their answers (docs/protocols/cluster.md).

A command is told to all of control_group, with who said it and where. Each node that it is for judges by its own roles
whether that person may, runs it, and answers the member that asked, alone; one that it is not for says so. So whoever
asks knows when nobody is left to wait for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

LINE_CHARACTERS_MAX = 8_192
WORD_CHARACTERS_MAX = 255
NODES_MAX = 256
PART_OCTETS_MAX = 50_000
ANSWER_OCTETS_MAX = 1 << 20
"""Of one node's answer; what is beyond is cut, and it says so."""
ANSWERS_OCTETS_MAX = 64 << 20
"""Of all answers that are kept; then the oldest questions are forgotten, and an answer that has no room is cut."""
QUESTIONS_MAX = 64
"""That are kept; then the oldest is forgotten."""
CUT = "\n... the answer was longer\n"

Number = Annotated[int, Meta(ge=0, le=2**53)]
Word = Annotated[str, Meta(max_length=WORD_CHARACTERS_MAX)]


class Command(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="c"):
    """A command to be run. number: the asker's own.

    user, endpoint, peer: of the operator, as the node that he is connected to knows him. nodes: the names of those it
    is for, subcluster: whose it is for; empty: for all.
    """

    number: Number
    line: Annotated[str, Meta(max_length=LINE_CHARACTERS_MAX)]
    form: Literal["text", "json"]
    user: Word
    endpoint: Word
    peer: Word
    nodes: Annotated[tuple[Word, ...], Meta(max_length=NODES_MAX)] = ()
    subcluster: Word = ""

    def is_for(self, nodename: str, subcluster: str) -> bool:
        """Whether the node of these names is to run it."""
        return (not self.nodes or nodename in self.nodes) and self.subcluster in ("", subcluster)


class Answer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="a"):
    """A part of an answer, in order. failed: the command did not do what it says."""

    number: Number
    is_last: bool
    failed: bool
    octets: Annotated[bytes, Meta(max_length=PART_OCTETS_MAX)]


class Declined(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="d"):
    """It is not for us."""

    number: Number


RelaySaid: TypeAlias = Command | Answer | Declined
_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[RelaySaid] = msgspec.msgpack.Decoder(RelaySaid)


def pack(said: RelaySaid) -> bytes:
    """*said* as octets."""
    return _ENCODER.encode(said)


def unpack(octets: bytes) -> RelaySaid:
    """What another node said. Raises ValueError."""
    return _DECODER.decode(octets)


def answer(number: int, text: str, *, failed: bool) -> Iterator[Answer]:
    """*text* as the answer to *number*, in parts."""
    octets = text.encode("utf-8", "replace")
    if len(octets) > ANSWER_OCTETS_MAX:
        octets = octets[: ANSWER_OCTETS_MAX - len(CUT)] + CUT.encode()
    starts = range(0, len(octets) or 1, PART_OCTETS_MAX)
    for start in starts:
        yield Answer(number, start == starts[-1], failed, octets[start : start + PART_OCTETS_MAX])


class Outcome(Enum):
    """What has become of a question at one node. GONE: it left, or we did, before it had answered all."""

    WAITING = "waiting"
    ANSWERED = "answered"
    FAILED = "failed"
    DECLINED = "declined"
    GONE = "gone"


@dataclass(slots=True)
class Reply:
    """What one node has said so far."""

    outcome: Outcome = Outcome.WAITING
    octets: bytearray = field(default_factory=bytearray)
    is_cut: bool = False

    @property
    def text(self) -> str:
        """What it answered, with a mark behind it if more was said than is kept."""
        return self.octets.decode("utf-8", "replace") + (CUT if self.is_cut else "")


@dataclass(slots=True)
class Question:
    """A command that we have asked. replies: by member, in the order of the view; empty until it is told."""

    command: Command
    replies: dict[str, Reply] = field(default_factory=dict)
    is_told: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nobody is left to wait for."""
        return self.is_told and all(reply.outcome is not Outcome.WAITING for reply in self.replies.values())

    def give_up(self, left: frozenset[str]) -> None:
        """Nobody but *left* will answer any more."""
        self.is_told = self.is_told or not left
        for member, reply in self.replies.items():
            if member not in left and reply.outcome is Outcome.WAITING:
                reply.outcome = Outcome.GONE


class Questions:
    """Those of one member, and what comes of them. octets: of all answers that are kept."""

    def __init__(self) -> None:
        self._members: tuple[str, ...] = ()
        self.asked: dict[int, Question] = {}
        self.octets = 0

    def ask(self, command: Command) -> Question:
        """*command* is about to be told."""
        question = self.asked[command.number] = Question(command)
        while len(self.asked) > QUESTIONS_MAX:
            self._forget_oldest()
        return question

    def forget(self) -> int:
        """Keep none of them, waited for or not. Returns how many there were."""
        count = len(self.asked)
        while self.asked:
            self._forget_oldest()
        return count

    def _forget_oldest(self) -> None:
        question = self.asked.pop(next(iter(self.asked)))
        self.octets -= sum(len(reply.octets) for reply in question.replies.values())
        question.give_up(frozenset())

    def told(self, command: Command) -> None:
        """*command*, which is ours, has its place in the order: who is in the view hears it."""
        question = self.asked.get(command.number)
        if question is not None and not question.is_told:
            question.is_told = True
            question.replies = {member: Reply() for member in self._members}

    def answered(self, sender: str, said: Answer | Declined) -> None:
        """*sender* has answered one of them, or a part of it."""
        question = self.asked.get(said.number)
        reply = question.replies.get(sender) if question is not None else None
        if reply is None or reply.outcome is not Outcome.WAITING:
            return
        if isinstance(said, Declined):
            reply.outcome = Outcome.DECLINED
            return
        if len(reply.octets) + len(said.octets) <= ANSWER_OCTETS_MAX and self._has_room(said.number, len(said.octets)):
            reply.octets += said.octets
            self.octets += len(said.octets)
        else:
            reply.is_cut = True
        if said.is_last:
            reply.outcome = Outcome.FAILED if said.failed else Outcome.ANSWERED

    def _has_room(self, number: int, octets: int) -> bool:
        """Whether there is room for more of the answers to *number*, once older ones are forgotten."""
        while self.octets + octets > ANSWERS_OCTETS_MAX and next(iter(self.asked)) != number:
            self._forget_oldest()
        return self.octets + octets <= ANSWERS_OCTETS_MAX

    def view(self, members: Iterable[str]) -> None:
        """Those of the group from here on."""
        self._members = tuple(members)
        self._give_up(frozenset(self._members))

    def apart(self) -> None:
        """We are in no group: nobody answers any more, and what was not told yet never will be."""
        self._members = ()
        self._give_up(frozenset())

    def _give_up(self, left: frozenset[str]) -> None:
        for question in self.asked.values():
            question.give_up(left)
