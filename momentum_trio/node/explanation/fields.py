"""Explanations as data: all that the text says, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.console.command import Data
from momentum_trio.node.explanation.admission import Admission
from momentum_trio.node.explanation.conversation import Asked
from momentum_trio.node.explanation.inbound import CEILING_REPLY, Explained, Explanation
from momentum_trio.node.explanation.origin import Effective
from momentum_trio.node.explanation.outbound import Delivery, OutboundExplanation


def inbound_fields(told: Explanation) -> dict[str, Data]:
    """All of *told*."""
    head: dict[str, Data] = {"peer": told.peer, "to": told.to}
    if told.refused:
        return head | {"session": False, "why": told.refused}
    return head | {
        "session": True,
        "listener": told.listener,
        "listen": {"scope": told.listen, "at": told.listen_at},
        "others": told.others,
        "chain": [{"scope": asking.scope, "at": asking.at} for asking in told.chain],
        "peers": [
            {
                "scope": peer.scope,
                "at": peer.at,
                "holds": peer.holds,
                "bits_in_common": peer.bits,
                "prefix": peer.prefix,
            }
            for peer in told.peers
        ],
        "peers_missed_count": told.peers_missed_count,
        "ceilings": [
            {
                "option": option_fields(ceiling.option),
                "limit": ceiling.limit,
                "counts": ceiling.counts,
                "reply": str(CEILING_REPLY),
            }
            for ceiling in told.ceilings
        ],
        "conversation": [_turn(explained) for explained in told.conversation],
        "content": [_check(asked) | {"effective": _all(options)} for asked, options in told.content],
        "console": None if told.admission is None else _admission(told.admission),
        "options": _all(told.options),
        "without_effect": _all(told.idle),
    }


def outbound_fields(told: OutboundExplanation) -> dict[str, Data]:
    """All of *told*."""
    return {
        "domain": told.domain,
        "binding": told.binding,
        "delivery": _delivery(told.delivery),
        "suspended": told.suspended,
        "routing_domain": told.routing_domain,
        "chain": [{"scope": asking.scope, "at": asking.at} for asking in told.chain],
        "routing_chain": [{"scope": asking.scope, "at": asking.at} for asking in told.routing_chain],
        "shared": [
            {"what": shared.what, "option": option_fields(shared.option), "counts": shared.counts}
            for shared in told.shared
        ],
        "options": _all((*told.of_mail, *told.of_way)),
    }


def option_fields(option: Effective) -> dict[str, Data]:
    """An option as it holds, with every scope that sets it."""
    return {
        "option": option.option,
        "value": option.value,
        "text": option.text,
        "default": option.is_default,
        "at": option.at,
        "scope": option.scope,
        "acts": option.acts,
        "set": [
            {"value": said.value, "text": said.text, "at": said.at, "scope": said.scope, "scope_at": said.scope_at}
            for said in option.said
        ],
    }


def _admission(told: Admission) -> dict[str, Data]:
    judged = told.judged
    return {
        "let_in": told.is_let_in,
        "why": told.words,
        "mechanisms": told.mechanisms,
        "user": told.user,
        "groups": told.groups,
        "options": _all(told.options),
        "command": None
        if judged is None
        else {
            "line": judged.command,
            "allowed": judged.accepted,
            "why": judged.words,
            "role": judged.role,
            "pattern": judged.pattern,
            "at": judged.at,
            "roles": [{"role": seen.role, "at": seen.at} for seen in judged.roles],
            "options": _all(judged.options),
        },
    }


def _turn(explained: Explained) -> dict[str, Data]:
    turn = explained.turn
    return {
        "said": turn.said,
        "reply": turn.reply,
        "taken": turn.taken,
        "module": turn.module,
        "rule": turn.rule,
        "note": turn.note,
        "checks": [_check(asked) for asked in turn.checks],
        "options": _all(explained.options),
        "delivery": None if explained.delivery is None else _delivery(explained.delivery),
    }


def _check(asked: Asked) -> dict[str, Data]:
    options = [read.option.name for read in asked.options]
    return {"check": asked.check, "meaning": asked.meaning, "passed": asked.passed, "options": options}


def _delivery(delivery: Delivery) -> dict[str, Data]:
    return {
        "domain": delivery.domain,
        "binding": delivery.binding,
        "method": delivery.method,
        "words": delivery.words,
        "options": _all(delivery.deciding),
    }


def _all(options: Sequence[Effective]) -> list[Data]:
    return [option_fields(option) for option in options]
