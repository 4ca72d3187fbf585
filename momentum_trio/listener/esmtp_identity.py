"""Who the client of one connection has proved to be, by SASL, and what follows from it."""

from __future__ import annotations

from typing import Protocol

from momentum_trio.config.authentication_options import SmtpAuthenticationOptions
from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.chain import Chain
from momentum_trio.limits.guesses import Guesses
from momentum_trio.listener.esmtp_security import Security
from momentum_trio.listener.kind import Connection, Services
from momentum_trio.listener.smtp_authentication import Dialogues, Outcome, Unavailable
from momentum_trio.mail.record import Authenticated
from momentum_trio.protocol.sasl.mechanism import Challenge, Failed, Proved
from momentum_trio.protocol.smtp.event import Auth, AuthResponse
from momentum_trio.reception.client import ANONYMOUS, ERROR, FAIL, Client, Identity
from momentum_trio.reception.rules import Rules


class Standing(Protocol):
    """What the client of a connection stands on: his options, and who he is known to be."""

    client: Client
    proved_by: tuple[str, BackEnd] | None
    security: Security

    @property
    def rules(self) -> Rules: ...

    def chain(self) -> Chain:
        """Who answers for the client's options."""
        ...

    def judge_anew(self) -> None:
        """What he may and is offered, by what is known of him now."""
        ...


class Proving:
    """The dialogues of one client, each step judged by the options that hold then, and told to the acctlog."""

    __slots__ = ("_connection", "_dialogues", "_services", "_standing")

    def __init__(self, connection: Connection, services: Services, standing: Standing) -> None:
        self._connection, self._services, self._standing = connection, services, standing
        self._dialogues: Dialogues | None = None

    def forget(self) -> None:
        """Whoever talks from now on, or within TLS, begins anew."""
        self._dialogues = None

    async def step(self, event: Auth | AuthResponse, service: str) -> Outcome:
        """What the next step of a dialogue comes to; where he is known by it, that holds at once.

        service: for which guesses are counted. Cancellation: a guess stays counted.
        """
        standing = self._standing
        options = SmtpAuthenticationOptions.resolve(standing.chain())
        if options.always_deny:
            return Failed()
        dialogues = self._dialogues
        if isinstance(event, Auth):
            if dialogues is None:
                dialogues = self._dialogues = self._new_dialogues(service)
            back_end = standing.security.back_ends[event.mechanism]
            outcome = await dialogues.begin(event.mechanism, back_end, event.initial)
        else:
            assert dialogues is not None
            outcome = await dialogues.respond(event.octets)
        if isinstance(outcome, Proved):
            self._identify(Identity(outcome.user, dialogues.mechanism), dialogues)
        elif options.always_allow and not isinstance(outcome, Challenge):
            outcome = Proved(ANONYMOUS)
            self._identify(Identity(ANONYMOUS, dialogues.mechanism, is_proved=False), dialogues)
        return outcome

    def _new_dialogues(self, service: str) -> Dialogues:
        services, standing = self._services, self._standing
        assert services.dialogues is not None
        return services.dialogues(
            Guesses(services.limits, service, standing.client.peer_address), standing.rules.hostname
        )

    def _identify(self, identity: Identity, dialogues: Dialogues) -> None:
        held, standing = dialogues.held, self._standing
        assert held is not None
        standing.client.identity, standing.proved_by = identity, (dialogues.mechanism, held)
        standing.judge_anew()
        if held.log_authentication:
            self._account(identity.user, accepted=True)

    def revoke(self) -> None:
        """He has proved it, and policy is against him."""
        standing = self._standing
        standing.client.identity, standing.client.auth_failure, standing.proved_by = None, FAIL, None
        standing.judge_anew()

    def failed(self, outcome: Failed | Unavailable) -> None:
        """He has not proved who he is, or nobody could tell."""
        failure, user = (FAIL, outcome.user) if isinstance(outcome, Failed) else (ERROR, "")
        self._standing.client.auth_failure = failure
        self._account(user, accepted=False)

    def _account(self, user: str, *, accepted: bool) -> None:
        """For the acctlog: ``N``."""
        machine, connection = self._services.machine, self._connection
        record = Authenticated(machine.clock.now(), str(connection.listen), connection.peer, user, accepted)
        machine.events.publish(record)
