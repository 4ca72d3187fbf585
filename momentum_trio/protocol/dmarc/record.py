"""DMARC policy records (RFC 7489 section 6.3), with the tags psd and t of their successor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from momentum_trio.protocol.dkim.tags import tag_list

RECORD_OCTETS_MAX = 4096
_BEGIN = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_PERCENT = re.compile(r"[0-9]{1,3}")


class DmarcPolicy(Enum):
    """What a domain wishes to become of mail that only claims to be its own."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def milder(self) -> DmarcPolicy:
        """What is done to the mail that pct or t leaves out (section 6.6.4)."""
        return DmarcPolicy.QUARANTINE if self is DmarcPolicy.REJECT else DmarcPolicy.NONE


class Psd(Enum):
    """Whether a domain says that others register names below it."""

    YES = "y"
    NO = "n"
    UNSAID = "u"


_POLICIES = {policy.value: policy for policy in DmarcPolicy}
_PSD = {psd.value: psd for psd in Psd}


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """policy, subdomain_policy: p and sp. strict_dkim, strict_spf: adkim and aspf. percent: pct. tests: t=y."""

    policy: DmarcPolicy
    subdomain_policy: DmarcPolicy
    strict_dkim: bool = False
    strict_spf: bool = False
    percent: int = 100
    psd: Psd = Psd.UNSAID
    tests: bool = False

    @classmethod
    def parse(cls, text: str) -> DmarcRecord:
        """Of a *text* for which ``is_record`` holds. Raises ValueError, when there is no policy to be had of it."""
        if len(text) > RECORD_OCTETS_MAX:
            raise ValueError(f"a record longer than {RECORD_OCTETS_MAX} octets")
        tags = {name.lower(): value.lower() for name, value in tag_list(text).items()}
        policy, subdomain_policy = _policies(tags)
        return cls(
            policy,
            subdomain_policy,
            tags.get("adkim") == "s",
            tags.get("aspf") == "s",
            _percent(tags.get("pct", "")),
            _PSD.get(tags.get("psd", ""), Psd.UNSAID),
            tags.get("t") == "y",
        )


def is_record(text: str) -> bool:
    """Whether *text*, of a TXT record, is one of DMARC (section 6.6.3)."""
    return _BEGIN.match(text) is not None


def record_among(texts: Iterable[str]) -> DmarcRecord | None:
    """The record among those of one name; None: there is none, or more than one, or none that can be used."""
    found = [text for text in texts if is_record(text)]
    if len(found) != 1:
        return None
    try:
        return DmarcRecord.parse(found[0])
    except ValueError:
        return None


def _policies(tags: Mapping[str, str]) -> tuple[DmarcPolicy, DmarcPolicy]:
    """p and sp; where one is no policy, a domain that wants reports is observed, and no other (section 6.6.3)."""
    policy = _POLICIES.get(tags.get("p", ""))
    subdomain_policy = _POLICIES.get(tags["sp"]) if "sp" in tags else policy
    if policy is not None and subdomain_policy is not None:
        return policy, subdomain_policy
    if "rua" not in tags:
        raise ValueError("there is no policy")
    return DmarcPolicy.NONE, DmarcPolicy.NONE


def _percent(text: str) -> int:
    return min(int(text), 100) if _PERCENT.fullmatch(text) else 100
