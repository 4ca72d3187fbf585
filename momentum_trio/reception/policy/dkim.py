"""DKIM (RFC 6376): the signatures of a message, begun when its header section has come, tried when all of it has.

A signature alone refuses nothing (section 6.3): what it came to is for DMARC, for policy and for readers. The body is
hashed as it comes, in line: a worker would keep the interpreter as busy, and verifying takes a tenth of a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from momentum_trio.mail.authentication_results import Method
from momentum_trio.mail.header import begins_with_field
from momentum_trio.protocol.dkim.finding import DkimFinding, DkimResult
from momentum_trio.protocol.dkim.signature import header_fields
from momentum_trio.protocol.dkim.verification import Verification
from momentum_trio.reception.mail_authentication_options import DkimValidationOptions
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.reception.policy.evidence import Evidence
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.modules import DKIM, PHASES
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import Continue, Verdict

CONTINUE = Continue()
_BEST_FIRST = tuple(DkimResult)[1:]


@dataclass(frozen=True, slots=True)
class DkimCheck:
    """The row; there is one where a module dkim_validate or dmarc is."""

    options: DkimValidationOptions
    desk: Desk
    name: str = DKIM
    phases: frozenset[PolicyPhase] = PHASES[DKIM]

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it, within the module's timeout."""
        session, evidence = asked.session, asked.evidence
        if asked.content is None or session.may_relay or session.is_unix:
            return CONTINUE
        if phase is PolicyPhase.DATA:
            section = await asked.content.header_section()
            evidence.verification = self._begun(section)
            return CONTINUE
        return await self._ended(evidence)

    def _begun(self, section: bytes) -> Verification:
        line_end = b"" if section.endswith(b"\r\n") else b"\r\n"  # it gets one in transit
        fields = header_fields(section + line_end) if begins_with_field(section) else []
        return Verification(fields, self.desk.now(), takes_partial=self.options.takes_partial)

    async def _ended(self, evidence: Evidence) -> Verdict:
        verification, evidence.verification = evidence.verification, None
        assert verification is not None
        answers = await self.desk.answers(verification.questions(), self.options.timeout)
        findings = verification.findings(answers)
        evidence.findings = replace(evidence.findings, dkim=findings)
        if self.options.adds_results:
            evidence.methods += [method_of(finding) for finding in findings] or [Method("dkim", "none")]
        return Continue(message={self.options.variable: best_of(findings).value})

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it: the message context takes no more variables, and does without this one."""
        return CONTINUE


def best_of(findings: tuple[DkimFinding, ...]) -> DkimResult:
    """The best result there is."""
    results = {finding.result for finding in findings}
    return next((result for result in _BEST_FIRST if result in results), DkimResult.NONE)


def method_of(finding: DkimFinding) -> Method:
    """For Authentication-Results (RFC 8601 section 2.7.1)."""
    properties = (
        ("header.d", finding.domain),
        ("header.s", finding.selector),
        ("header.i", finding.identity),
        ("header.a", finding.algorithm),
        ("header.b", finding.beginning),
    )
    return Method("dkim", finding.result.value, finding.reason, properties)
