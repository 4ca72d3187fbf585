"""What ``config explain`` tells of a peer is what the configuration says, and what a session of that peer then gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..evidence import Attempt, Evidence, Exchange, Violation
from ..reference_acl import Asker
from ..reference_configuration import Configuration, Verdict
from .in_force import InForce, in_force
from .relay_denied import DENIED

NAME = "explained_as_it_is"
ASKED = "config explain "

_QUESTION = re.compile(rf"{ASKED}(?P<peer>\S+) to (?P<at>\S+):(?P<port>\d+) from (?P<sender>\S+) rcpt (?P<path>\S+)")
_REPLY = re.compile(r"\n *> RCPT TO:[^\n]*\n *< (\d)")
_NOBODY = "has no session"


@dataclass(frozen=True, slots=True)
class Question:
    """Who sends from where to whom, and what was told."""

    exchange: Exchange
    asker: Asker
    reverse_path: str
    forward_path: str
    told: Verdict


def explained_as_it_is(evidence: Evidence) -> Iterator[Violation]:
    """One for each explanation that is not so."""
    known: dict[str, InForce] = {}
    for asked in questions(evidence):
        exchange = asked.exchange
        held = known.setdefault(exchange.host, in_force(evidence, exchange.host))
        assert exchange.ended is not None
        right = {_verdict(each, asked) for each in held.during(exchange.began, exchange.ended)}
        if right and asked.told not in right:
            text = f"'{exchange.line}' tells '{asked.told.value}', and it is '{right.pop().value}'"
            yield Violation(NAME, text, exchange.ended, host=exchange.host)
            continue
        for attempt, got in _tried(evidence, asked, held):
            if got is not asked.told:
                text = f"'{exchange.line}' tells '{asked.told.value}', and {attempt.mail.name} is '{got.value}'"
                yield Violation(NAME, text, attempt.ended, attempt.mail.name, exchange.host)
                break


def questions(evidence: Evidence) -> Iterator[Question]:
    """Those that were answered."""
    for exchange in evidence.exchanges:
        asked = _QUESTION.fullmatch(exchange.line)
        if asked is not None and exchange.ended is not None and (told := _told(exchange.answer)) is not None:
            asker = Asker(asked["at"], int(asked["port"]), asked["peer"])
            yield Question(exchange, asker, asked["sender"].strip("<>"), asked["path"], told)


def _told(answer: str) -> Verdict | None:
    if _NOBODY in answer:
        return Verdict.NOBODY
    reply = _REPLY.search(answer)
    return None if reply is None else Verdict.TAKEN if reply[1] == "2" else Verdict.DENIED


def _verdict(configuration: Configuration, asked: Question) -> Verdict:
    return configuration.verdict(asked.asker, asked.reverse_path, asked.forward_path)


def _tried(evidence: Evidence, asked: Question, held: InForce) -> Iterator[tuple[Attempt, Verdict]]:
    """The attempts that were just what was asked about, under the same configuration, and what came of them."""
    assert asked.exchange.ended is not None
    then = held.at(asked.exchange.began, asked.exchange.ended)
    for attempt in evidence.attempts:
        if then is None or attempt.connected is None or not _is_about(attempt, asked):
            continue
        if held.at(attempt.connected, attempt.ended) == then and (got := _got(attempt, asked.forward_path)) is not None:
            yield attempt, got


def _is_about(attempt: Attempt, asked: Question) -> bool:
    return (
        attempt.target_host == asked.exchange.host
        and attempt.source_address == asked.asker.peer
        and attempt.mail.port == asked.asker.port
        and attempt.mail.reverse_path == asked.reverse_path
        and asked.forward_path in attempt.mail.forward_paths
    )


def _got(attempt: Attempt, path: str) -> Verdict | None:
    if path in attempt.forward_paths:
        return Verdict.TAKEN
    return Verdict.DENIED if dict(attempt.refused_paths).get(path, "").startswith(DENIED) else None
