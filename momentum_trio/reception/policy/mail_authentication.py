"""The rows of mail authentication, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.config.chain import Chain
from momentum_trio.reception.mail_authentication_options import AuthenticationResultsOptions
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.reception.policy.dkim import DkimCheck
from momentum_trio.reception.policy.dmarc import DmarcCheck
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.modules import AUTHENTICATION_RESULTS, PHASES, Modules
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.row import Row
from momentum_trio.reception.policy.spf import SpfCheck
from momentum_trio.reception.policy.verdict import Continue, Verdict

CONTINUE = Continue()


def authentication_rows(modules: Modules, chain: Chain, desk: Desk) -> Iterator[Row]:
    """Those that *modules* ask for. chain: of a client."""
    if modules.spf is not None:
        yield SpfCheck(modules.spf, desk)
    if modules.dkim is not None:
        yield DkimCheck(modules.dkim, desk)
    if modules.dmarc is not None:
        yield DmarcCheck(modules.dmarc, desk)
    if modules != Modules():
        yield ResultsRow(AuthenticationResultsOptions.resolve(chain))


@dataclass(frozen=True, slots=True)
class ResultsRow:
    """Whose the results are, and which fields that came with a message are not ours. It has nothing against any."""

    options: AuthenticationResultsOptions
    name: str = AUTHENTICATION_RESULTS
    phases: frozenset[PolicyPhase] = PHASES[AUTHENTICATION_RESULTS]

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it; no checkpoint."""
        session, evidence = asked.session, asked.evidence
        evidence.authserv_id = self.options.authserv_id or session.hostname
        evidence.removes = session.is_unix or session.peer_address not in self.options.trusted_hosts
        return CONTINUE

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it."""
        raise AssertionError(problem)
