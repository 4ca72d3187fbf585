"""The phases in which policy is asked, in the order of a session (the manual's policy phases)."""

from __future__ import annotations

from enum import Enum


class PolicyPhase(Enum):
    """A phase. The value is the name of a plug-in's function for it."""

    CONNECT = "connect"
    EHLO = "ehlo"
    AUTH = "auth"
    MAILFROM = "mailfrom"
    RCPTTO = "rcptto"
    DATA = "data"
    DATA_SPOOL = "data_spool"
    EACH_RCPT = "each_rcpt"
    SET_BINDING = "set_binding"
    FINAL_VALIDATION = "final_validation"


ARGUMENTS: dict[PolicyPhase, tuple[str, ...]] = {
    PolicyPhase.CONNECT: ("session",),
    PolicyPhase.EHLO: ("session",),
    PolicyPhase.AUTH: ("session",),
    PolicyPhase.MAILFROM: ("session", "mail"),
    PolicyPhase.RCPTTO: ("session", "mail", "recipient"),
    PolicyPhase.DATA: ("session", "mail", "content"),
    PolicyPhase.DATA_SPOOL: ("session", "mail", "content"),
    PolicyPhase.EACH_RCPT: ("session", "mail", "content", "recipient"),
    PolicyPhase.SET_BINDING: ("session", "mail"),
    PolicyPhase.FINAL_VALIDATION: ("session", "mail", "content"),
}
"""What is known in each phase, and in which order it is handed over."""

IN_TRANSACTION = frozenset(phase for phase, known in ARGUMENTS.items() if "mail" in known)
CHOOSES_PATHWAY = frozenset((PolicyPhase.CONNECT, PolicyPhase.EHLO, PolicyPhase.AUTH, PolicyPhase.MAILFROM))
CAN_DISCARD = frozenset(phase for phase, known in ARGUMENTS.items() if "content" in known)
