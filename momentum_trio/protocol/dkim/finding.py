"""What a received signature says of itself, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class DkimResult(Enum):
    """What a signature comes to, in the words of RFC 8601 section 2.7.1."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a signature says it is, as far as that can be read: d=, s=, i=, a= and the beginning of b=."""

    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    beginning: str = ""


@dataclass(frozen=True, slots=True)
class DkimFinding:
    """What one signature came to. domain, selector, identity, algorithm, beginning: as it says, d= s= i= a= b=.

    reason: why it is no pass, in words.
    """

    result: DkimResult
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    beginning: str = ""
    reason: str = ""

    @classmethod
    def of(cls, claim: Claim, result: DkimResult, reason: str = "") -> DkimFinding:
        """Of the signature with *claim*."""
        return cls(result, claim.domain, claim.selector, claim.identity, claim.algorithm, claim.beginning, reason)
