"""What a client calls itself, judged at EHLO and HELO (HELO_* options). Clients that may relay are not judged.

RFC 5321 section 4.1.4 forbids to refuse mail for a name that does not match its address: so each check has to be asked
for, and none of them looks up a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from momentum_trio.net.netblock import Address
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.row import HELO
from momentum_trio.reception.policy.verdict import Continue, Reject, Verdict
from momentum_trio.reception.screening_options import ScreeningOptions

UNQUALIFIED = Reject("a fully qualified name or an address literal is wanted", enhanced="5.7.1")
MISMATCH = Reject("this address literal is not your address", enhanced="5.7.1")
FORGED = Reject("you are not this host", enhanced="5.7.1")
CONTINUE = Continue()


@dataclass(frozen=True, slots=True)
class HelloCheck:
    """The row; there is one where an option asks for it."""

    options: ScreeningOptions
    name: str = HELO
    phases: frozenset[PolicyPhase] = frozenset((PolicyPhase.EHLO,))

    @classmethod
    def wanted(cls, options: ScreeningOptions) -> tuple[HelloCheck, ...]:
        """The row, or none."""
        is_wanted = options.hello_qualified or options.hello_literal or options.hello_not_ours
        return (cls(options),) if is_wanted else ()

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it; no checkpoint."""
        session = asked.session
        if session.may_relay or session.is_unix:
            return CONTINUE
        return judged(self.options, session.hello, session.peer_address, session.hostname)

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it."""
        raise AssertionError(problem)


def judged(options: ScreeningOptions, hello: str, address: Address, hostname: str) -> Verdict:
    """What is said to a client at *address* that calls itself *hello*; *hostname* is ours."""
    if hello.startswith("["):
        return MISMATCH if options.hello_literal and not _is_literal_of(hello, address) else CONTINUE
    if options.hello_qualified and "." not in hello.strip("."):
        return UNQUALIFIED
    is_forged = options.hello_not_ours and hello.rstrip(".").lower() == hostname.lower()
    return FORGED if is_forged else CONTINUE


def _is_literal_of(hello: str, address: Address) -> bool:
    """Whether the address literal *hello* (RFC 5321 section 4.1.3) means *address*."""
    text = hello[1:].removesuffix("]")
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        said = ip_address(text)
    except ValueError:
        return False
    return (getattr(said, "ipv4_mapped", None) or said) == address
