"""DMARC (RFC 7489): whether SPF or DKIM vouch for the author's domain, and what that domain wishes if they do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from momentum_trio.config.reply_code import ACCEPTS
from momentum_trio.mail.authentication_results import Method
from momentum_trio.protocol.dkim.author import author_domains
from momentum_trio.protocol.dkim.finding import DkimResult
from momentum_trio.protocol.dkim.signature import received_fields
from momentum_trio.protocol.dmarc.evaluation import DmarcFinding, DmarcResult, Passed, evaluate
from momentum_trio.protocol.dmarc.record import DmarcPolicy
from momentum_trio.protocol.spf.record import SpfResult
from momentum_trio.reception.mail_authentication_options import DmarcOptions
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.reception.policy.evidence import Findings
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.modules import DMARC, PHASES
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import Continue, Defer, Reject, Verdict

CONTINUE = Continue()
UNSAID = Defer("policy not available, please try later", enhanced="4.3.0")
DISPOSITION = "dmarc_disposition"
"""The variable that says what the author's domain wishes to become of a message that fails."""

NO_ONE_AUTHOR = DmarcFinding(DmarcResult.PERMERROR, problem="there is not one domain in one From field")


@dataclass(frozen=True, slots=True)
class DmarcCheck:
    """The row; there is one where a module dmarc is."""

    options: DmarcOptions
    desk: Desk
    name: str = DMARC
    phases: frozenset[PolicyPhase] = PHASES[DMARC]

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it, within the module's timeout."""
        session, evidence, options = asked.session, asked.evidence, self.options
        if asked.content is None or session.may_relay or session.is_unix:
            return CONTINUE
        author = author_of(await asked.content.header_section())
        finding = await self._finding(author, evidence.findings) if author else NO_ONE_AUTHOR
        evidence.findings = replace(evidence.findings, dmarc=finding)
        if options.adds_results:
            evidence.methods.append(method_of(finding))
        return verdict_on(options, finding)

    async def _finding(self, author: str, findings: Findings) -> DmarcFinding:
        suffixes = await self.desk.suffixes(self.options.suffix_file)
        asking = evaluate(
            author, passed_of(findings), suffixes, self.desk.sample(), is_uncertain=is_uncertain(findings)
        )
        return await self.desk.run(asking, self.options.timeout)

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it: the message context takes no more variables, so that there is no result to go by."""
        return UNSAID if self.options.enforce else CONTINUE


def author_of(section: bytes) -> str:
    """The one domain in the one From field of a header *section*; empty: it cannot be told (section 6.6.1)."""
    authors = [field for name, field in received_fields(section) if name == "from"]
    domains = author_domains(authors[0]) if len(authors) == 1 else frozenset()
    return next(iter(domains)) if len(domains) == 1 else ""


def passed_of(findings: Findings) -> Passed:
    """The domains that SPF and DKIM vouch for."""
    spf, dkim = findings.spf, findings.dkim or ()
    return Passed(
        spf.domain if spf is not None and spf.result is SpfResult.PASS else "",
        tuple(finding.domain for finding in dkim if finding.result is DkimResult.PASS),
    )


def is_uncertain(findings: Findings) -> bool:
    """Whether DNS did not answer about one of them."""
    spf, dkim = findings.spf, findings.dkim or ()
    is_spf = spf is not None and spf.result is SpfResult.TEMPERROR
    return is_spf or any(finding.result is DkimResult.TEMPERROR for finding in dkim)


def verdict_on(options: DmarcOptions, finding: DmarcFinding) -> Verdict:
    """What the client is told of *finding*."""
    variables = {options.variable: finding.result.value}
    if finding.result is DmarcResult.FAIL:
        variables[DISPOSITION] = finding.disposition.value
    code, text, detail = _reply_to(options, finding) if options.enforce else (ACCEPTS, "", "")
    if code == ACCEPTS:
        return Continue(message=variables)
    made = Reject if code >= 500 else Defer
    return made(text, code=code, enhanced=f"{code // 100}.{detail}", message=variables)


def _reply_to(options: DmarcOptions, finding: DmarcFinding) -> tuple[int, str, str]:
    unauthenticated = f"mail from {finding.author} is not authenticated (DMARC policy of that domain)"
    match finding.result, finding.disposition:
        case DmarcResult.FAIL, DmarcPolicy.REJECT:
            return options.reject_code, unauthenticated, "7.26"  # RFC 7372 section 3.3
        case DmarcResult.FAIL, DmarcPolicy.QUARANTINE:
            return options.quarantine_code, unauthenticated, "7.26"
        case DmarcResult.TEMPERROR, _:
            return options.temperror_code, "the DMARC policy of the author's domain cannot be checked now", "7.0"
        case DmarcResult.PERMERROR, _:
            return options.permerror_code, "a message has one From field, of one domain", "7.1"
    return ACCEPTS, "", ""


def method_of(finding: DmarcFinding) -> Method:
    """For Authentication-Results (RFC 7489 section 11.1)."""
    disposition = finding.disposition.value if finding.result is DmarcResult.FAIL else ""
    properties = (("header.from", finding.author), ("policy.dmarc", disposition))
    return Method("dmarc", finding.result.value, finding.problem, properties)
