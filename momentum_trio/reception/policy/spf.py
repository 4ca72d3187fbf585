"""SPF (RFC 7208) of the reverse-path, asked at MAIL; of what the client calls himself where that is null."""

from __future__ import annotations

from dataclasses import dataclass, replace

from momentum_trio.config.reply_code import ACCEPTS
from momentum_trio.mail.authentication_results import Method, quoted, value_of
from momentum_trio.protocol.spf.evaluation import SpfFinding, SpfIdentity, check_host
from momentum_trio.protocol.spf.record import SpfResult
from momentum_trio.reception.mail_authentication_options import SpfOptions
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.reception.policy.facts import Asked, Mail, Session
from momentum_trio.reception.policy.modules import PHASES, SPF
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import TEXT_CHARACTERS_MAX, Continue, Defer, Reject, Verdict

CONTINUE = Continue()
_WORDS = {
    SpfResult.PASS: "{domain} designates {address} as permitted sender",
    SpfResult.FAIL: "{domain} does not designate {address} as permitted sender",
    SpfResult.SOFTFAIL: "{domain} does not fully designate {address} as permitted sender",
    SpfResult.NEUTRAL: "{address} is neither permitted nor denied by {domain}",
    SpfResult.NONE: "{domain} does not say who its senders are",
    SpfResult.TEMPERROR: "DNS did not answer about {domain}",
    SpfResult.PERMERROR: "the record of {domain} is wrong",
}


@dataclass(frozen=True, slots=True)
class SpfCheck:
    """The row; there is one where a module spf_v1 or dmarc is."""

    options: SpfOptions
    desk: Desk
    name: str = SPF
    phases: frozenset[PolicyPhase] = PHASES[SPF]

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it, within the module's timeout."""
        session, mail, options = asked.session, asked.mail, self.options
        if mail is None or session.may_relay or session.is_unix:
            return CONTINUE
        identity = identity_of(session, mail, int(self.desk.now()))
        finding = await self.desk.run(check_host(identity, options.default_rule), options.timeout)
        asked.evidence.findings = replace(asked.evidence.findings, spf=finding)
        if options.adds_results:
            asked.evidence.methods.append(method_of(finding, session, mail))
        if options.adds_headers:
            asked.evidence.received_spf = received_spf(finding, identity, mail)
        return verdict_on(options, finding)

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it: the message context takes no more variables, and does without this one."""
        return CONTINUE


def identity_of(session: Session, mail: Mail, now: int) -> SpfIdentity:
    """Whom the check is about (RFC 7208 sections 2.3 and 2.4)."""
    sender = mail.reverse_path or f"postmaster@{session.hello}"
    return SpfIdentity(session.peer_address, sender, session.hello, session.hostname, now)


def verdict_on(options: SpfOptions, finding: SpfFinding) -> Verdict:
    """What the client is told of *finding* (RFC 7372 section 3.2)."""
    code, text, detail = _reply_to(options, finding)
    variables = {options.variable: finding.result.value}
    if code == ACCEPTS:
        return Continue(message=variables)
    made = Reject if code >= 500 else Defer
    return made(text[:TEXT_CHARACTERS_MAX], code=code, enhanced=f"{code // 100}.{detail}", message=variables)


def _reply_to(options: SpfOptions, finding: SpfFinding) -> tuple[int, str, str]:
    match finding.result:
        case SpfResult.FAIL:
            # section 6.2: whose words these are
            explained = f"{_comment(finding.domain)} explains: {finding.explanation}"
            return options.fail_code, explained if finding.explanation else options.fail_text, "7.23"
        case SpfResult.SOFTFAIL:
            return options.softfail_code, options.softfail_text, "7.23"
        case SpfResult.TEMPERROR:
            return options.temperror_code, options.temperror_text, "7.24"
        case SpfResult.PERMERROR:
            return options.permerror_code, options.permerror_text, "7.24"
        case SpfResult.NONE if finding.is_absent:
            return options.absent_code, options.absent_text, "1.8"
    return ACCEPTS, "", ""


def method_of(finding: SpfFinding, session: Session, mail: Mail) -> Method:
    """For Authentication-Results (RFC 8601 section 2.7.2)."""
    identity = ("smtp.mailfrom", mail.reverse_path) if mail.reverse_path else ("smtp.helo", session.hello)
    return Method("spf", finding.result.value, finding.problem, (identity,))


def received_spf(finding: SpfFinding, identity: SpfIdentity, mail: Mail) -> str:
    """The Received-SPF field (RFC 7208 section 9.1), whole."""
    said = _WORDS[finding.result].format(domain=finding.domain or "the sender", address=identity.address)
    pairs = {
        "client-ip": value_of(str(identity.address)),
        "envelope-from": quoted(mail.reverse_path),
        "helo": value_of(identity.hello),
        "identity": "mailfrom" if mail.reverse_path else "helo",
        "mechanism": quoted(finding.matched) if finding.matched else "",
        "problem": quoted(finding.problem) if finding.problem else "",
    }
    lines = "".join(f"\r\n\t{name}={value};" for name, value in pairs.items() if value)
    return f"Received-SPF: {finding.result.value} ({_comment(identity.receiver)}: {_comment(said)}){lines}\r\n"


def _comment(text: str) -> str:
    """*text* as it may stand in a comment."""
    return "".join(each if each.isascii() and each.isprintable() and each not in "()\\" else "?" for each in text)
