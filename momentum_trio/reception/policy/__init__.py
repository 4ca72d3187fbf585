"""Policy of a user: a Python module named in the configuration, asked in the manual's phases (docs/policy.md).

What a plug-in imports stands here, and nothing else of the product is promised to it.
"""

from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.protocol.dkim.finding import DkimFinding, DkimResult
from momentum_trio.protocol.dmarc.evaluation import DmarcFinding, DmarcResult
from momentum_trio.protocol.dmarc.record import DmarcPolicy
from momentum_trio.protocol.spf.evaluation import SpfFinding
from momentum_trio.protocol.spf.record import SpfResult
from momentum_trio.reception.policy.evidence import Findings
from momentum_trio.reception.policy.facts import Content, Mail, Session
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import Bind, Continue, Defer, Discard, Disconnect, Done, Reject, Verdict

__all__ = [
    "Bind",
    "Content",
    "Continue",
    "Defer",
    "Discard",
    "Disconnect",
    "DkimFinding",
    "DkimResult",
    "DmarcFinding",
    "DmarcPolicy",
    "DmarcResult",
    "Done",
    "Findings",
    "Mail",
    "PolicyPhase",
    "Reject",
    "Session",
    "SpfFinding",
    "SpfResult",
    "TlsFacts",
    "Verdict",
]
