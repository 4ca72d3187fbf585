"""What one session says to one milter, phase by phase, and what comes of its answers.

What was not told in its phase, because the milter was away or a row before it ended the phase, is told in the next one:
a milter hears of a client and of what he calls himself before it hears of mail. The content is told when all of it has
come: a slow client keeps no milter waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from momentum_trio.protocol.milter import reply
from momentum_trio.protocol.milter.client import Phase
from momentum_trio.protocol.milter.command import (
    CHUNK_OCTETS,
    VALUE_OCTETS_MAX,
    Abort,
    Body,
    Command,
    Data,
    EndOfContent,
    EndOfHeader,
    HeaderField,
    Hello,
)
from momentum_trio.protocol.milter.header import HeaderFields
from momentum_trio.protocol.milter.negotiation import Steps
from momentum_trio.protocol.milter.packet import RemoteProtocolError
from momentum_trio.reception.policy.draft import Draft
from momentum_trio.reception.policy.facts import Asked, Session
from momentum_trio.reception.policy.milter_changes import Changes
from momentum_trio.reception.policy.milter_facts import connect_of, macros_of, mail_of, rcpt_of
from momentum_trio.reception.policy.milter_link import Away, Link, Take
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.verdict import Continue, Defer, Discard, Disconnect, Reject, Verdict
from momentum_trio.spool.spool import SpoolFull, SpoolSick

if TYPE_CHECKING:
    from momentum_trio.reception.policy.milter import Milter

CONTINUE = Continue()
REJECTED = Reject("not accepted here")
DEFERRED = Defer("not accepted now, please try later")
CLOSED = Disconnect("closing the session, please try later")
NO_ROOM = Defer("insufficient system storage", code=452, enhanced="4.3.1")
NO_QUARANTINE = Defer("a person has to look at this message, please try later")
WITHIN_MESSAGE = frozenset((PolicyPhase.RCPTTO, PolicyPhase.DATA_SPOOL))
GREETING_REFUSED = 554  # RFC 5321 section 3.1

FAULTS: Final[Mapping[str, Verdict]] = MappingProxyType(
    {
        "accept": CONTINUE,
        "tempfail": Defer("mail filter not available, please try later", enhanced="4.3.0"),
        "reject": Reject("mail filter not available", enhanced="5.3.0"),
    }
)
"""What is said for a milter that is away, by default_action."""


class Talk:
    """The conversation of one session with *milter*."""

    __slots__ = ("_discarded", "_hello", "_link", "_milter", "_peer", "_recipients", "_rest", "_session_rest")

    def __init__(self, milter: Milter) -> None:
        self._milter = milter
        self._link: Link | None = None
        self._peer = ""  # whom it was told of, over this connection
        self._hello: tuple[str, bool] = ("", False)  # what he calls himself, and whether within TLS
        self._session_rest: Verdict | None = None  # what holds for all that follows in this session
        self._rest: Verdict | None = None  # ... in this mail transaction
        self._recipients = 0  # it was told of, in this mail transaction
        self._discarded = False

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it. Cancellation: the connection is dropped, and the next phase begins another."""
        if phase not in WITHIN_MESSAGE:
            self._rest, self._recipients, self._discarded = None, 0, False
            if asked.session.peer != self._peer:
                await self.close()
        if (rest := self._session_rest or self._rest) is not None:
            is_over = phase is PolicyPhase.DATA_SPOOL and self._discarded
            return Discard(f"discarded by {self._milter.name}") if is_over else rest
        verdict = await self._settled(phase, asked)
        if isinstance(verdict, Discard) and phase is not PolicyPhase.DATA_SPOOL:
            return CONTINUE  # there is nothing yet to discard: it will be
        return _at_greeting(verdict) if phase is PolicyPhase.CONNECT else verdict

    async def _settled(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """What the milter says, or its default action for it."""
        is_settled = False
        try:
            verdict = await self._answered(phase, asked)
            is_settled = True
        except (Away, RemoteProtocolError) as fault:
            self._milter.tell(f"{phase.value}: {fault}")
            verdict = self._rest = FAULTS[self._milter.options.default_action]
        finally:
            if not is_settled:
                self._drop()
        return verdict

    async def close(self) -> None:
        """As ``Closing`` has it."""
        link, self._link = self._link, None
        self._peer, self._hello, self._session_rest = "", ("", False), None
        if link is not None:
            await link.close()
            self._milter.left()

    def _drop(self) -> None:
        """The connection is good for nothing any more."""
        link, self._link = self._link, None
        self._recipients = 0
        if link is not None:
            link.drop()
            self._milter.left()

    # phase by phase

    async def _answered(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        macros = macros_of(asked)
        link, verdict = await self._introduced(asked.session, macros)
        if verdict is None:
            match phase:
                case PolicyPhase.MAILFROM:
                    verdict = await self._mail(link, asked, macros)
                case PolicyPhase.RCPTTO:
                    verdict = await self._rcpt(link, asked, macros)
                case PolicyPhase.DATA_SPOOL if self._recipients:
                    assert asked.draft is not None
                    verdict = await self._content(link, asked.draft, macros)
        return verdict or CONTINUE

    async def _introduced(self, session: Session, macros: Mapping[str, str]) -> tuple[Link, Verdict | None]:
        """A connection over which it was told of the client and of what he calls himself, as far as he did."""
        if self._link is None:
            self._link = await self._milter.open()
            self._peer, self._hello = session.peer, ("", False)
            if (verdict := await self._step(self._link, connect_of(session), macros)) is not None:
                self._session_rest = verdict
                return self._link, verdict
        hello = (session.hello, session.tls is not None)
        if session.hello and hello != self._hello:
            await self._end_message(self._link)
            verdict = await self._step(self._link, Hello(_octets(session.hello)), macros)
            if verdict is None or verdict is CONTINUE:
                self._hello, self._session_rest = hello, verdict
            return self._link, verdict
        return self._link, None

    async def _mail(self, link: Link, asked: Asked, macros: Mapping[str, str]) -> Verdict | None:
        assert asked.mail is not None
        await self._end_message(link)
        return self._noted(await self._step(link, mail_of(asked.mail), macros))

    async def _rcpt(self, link: Link, asked: Asked, macros: Mapping[str, str]) -> Verdict | None:
        if link.client.phase is not Phase.ENVELOPE and (verdict := await self._mail(link, asked, macros)) is not None:
            return verdict
        verdict = await self._step(link, rcpt_of(asked.recipient), macros)
        if verdict is None:
            self._recipients += 1
        return self._noted(verdict) if isinstance(verdict, Continue | Discard) else verdict

    async def _content(self, link: Link, draft: Draft, macros: Mapping[str, str]) -> Verdict | None:
        try:
            return await self._told(link, draft, macros)
        except SpoolFull:
            verdict: Verdict = NO_ROOM
        except SpoolSick:
            verdict = FAULTS["tempfail"]
        self._drop()
        return verdict

    async def _told(self, link: Link, draft: Draft, macros: Mapping[str, str]) -> Verdict | None:
        negotiated = link.client.negotiated
        assert negotiated is not None
        section = await draft.header_section()
        leading_space = bool(negotiated.steps & Steps.LEADING_SPACE)
        fields = HeaderFields(section, draft.hidden_fields, leading_space=leading_space)
        verdict = await self._header(link, fields, macros) or await self._body(link, draft)
        if verdict is not None:
            return self._noted(verdict)
        changes = Changes(draft, fields, len(section))
        try:
            verdict = await self._step(link, EndOfContent(), macros, changes.take)
            if verdict is not None and verdict is not CONTINUE:
                return verdict
            if changes.quarantine is not None:
                self._milter.tell(f"wants a message held ({changes.quarantine!a}): it is deferred")
                return NO_QUARANTINE
            await changes.apply()
        finally:
            await changes.close()
        is_empty = not draft.transaction.forward_paths
        return Discard(f"{self._milter.name} has left no recipient") if is_empty else CONTINUE

    async def _header(self, link: Link, fields: HeaderFields, macros: Mapping[str, str]) -> Verdict | None:
        if (verdict := await self._step(link, Data(), macros)) is not None:
            return verdict
        if link.client.wants(HeaderField):
            for name, value in fields.told():
                field = HeaderField(name[:VALUE_OCTETS_MAX], value[: VALUE_OCTETS_MAX - len(name)])
                if (verdict := await self._step(link, field, macros)) is not None:
                    return verdict
        return await self._step(link, EndOfHeader(), macros)

    async def _body(self, link: Link, draft: Draft) -> Verdict | None:
        offset = 0
        while link.client.wants(Body) and (octets := await draft.body(offset)):
            for begin in range(0, len(octets), CHUNK_OCTETS):
                answer = await self._say(link, Body(octets[begin : begin + CHUNK_OCTETS]), {})
                if isinstance(answer, reply.Skip):
                    return None
                if (verdict := self._meant(answer)) is not None:
                    return verdict
            offset += len(octets)
        return None

    # one command

    async def _step(
        self, link: Link, command: Command, macros: Mapping[str, str], take: Take | None = None
    ) -> Verdict | None:
        """What *command* is answered with; None: go on. CONTINUE: it wants to hear no more."""
        return self._meant(await self._say(link, command, macros, take))

    async def _say(
        self, link: Link, command: Command, macros: Mapping[str, str], take: Take | None = None
    ) -> reply.Answer | None:
        options = self._milter.options
        in_content = link.client.phase is Phase.CONTENT or isinstance(command, Data)
        seconds = options.content_timeout if in_content else options.command_timeout
        return await link.say(command, macros, seconds, take or _no_change)

    async def _end_message(self, link: Link) -> None:
        """What was begun is over: RSET, a refusal by somebody else, a client who begins anew."""
        if link.client.phase in (Phase.ENVELOPE, Phase.CONTENT):
            await self._say(link, Abort(), {})

    def _meant(self, answer: reply.Answer | None) -> Verdict | None:
        match answer:
            case reply.Accept():
                return CONTINUE
            case reply.Reject():
                return REJECTED
            case reply.TempFail():
                return DEFERRED
            case reply.Discard():
                self._discarded = True
                return Discard(f"discarded by {self._milter.name}")
            case reply.Shutdown():
                return CLOSED
            case reply.Say():
                return _spoken(answer)
        return None

    def _noted(self, verdict: Verdict | None) -> Verdict | None:
        """*verdict*, which holds for all that follows of the message; to discard it waits for its content."""
        self._rest = CONTINUE if isinstance(verdict, Discard) else verdict
        return verdict


async def _no_change(change: reply.Change) -> None:
    raise AssertionError(change)  # the protocol has none here


def _spoken(said: reply.Say) -> Verdict:
    """The refusal in the milter's own words; its code where one may have it."""
    text = said.text or ("not accepted here" if said.code >= 500 else "not accepted now, please try later")
    if said.code == 421:
        return Disconnect(text, enhanced=said.enhanced)
    if said.code >= 500:
        return Reject(text, code=said.code if said.code < 560 else 550, enhanced=said.enhanced)
    return Defer(text, code=said.code if said.code < 460 else 451, enhanced=said.enhanced)


def _at_greeting(verdict: Verdict) -> Verdict:
    """*verdict* as it is said in place of a greeting (RFC 5321 section 3.1)."""
    match verdict:
        case Defer():
            return Disconnect(verdict.text, enhanced=verdict.enhanced)
        case Reject():
            return Reject(verdict.text, code=GREETING_REFUSED, enhanced=verdict.enhanced)
    return verdict


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape").replace(b"\0", b"?")
