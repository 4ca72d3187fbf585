"""What a peer would be told, command by command: the protocol's own core and reception's own checks, without a socket.

Nothing is decided here. A command goes into ``protocol.smtp.Server``, its event to ``reception.Envelopes``, and what
comes out is the reply of a session; the checks are watched while they decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from momentum_trio.config.binding import Binding
from momentum_trio.config.chain import Chain
from momentum_trio.config.option import Option
from momentum_trio.listener.conntrol import Conntrol
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import security_of
from momentum_trio.listener.esmtp_terms import DATE, for_trusted, terms_of
from momentum_trio.mail.domain_globs import DomainGlobs
from momentum_trio.mail.header import scan
from momentum_trio.mail.reply import Reply
from momentum_trio.net.address_list import AddressList
from momentum_trio.node.explanation.witness import Read, Witness
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import Event, Hello, Mail, Rcpt, Refusal
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.reception.binding import Bindings
from momentum_trio.reception.checks import CHECKS, Checks
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import ACCEPTED, Accepted, Decision
from momentum_trio.reception.envelopes import Envelopes
from momentum_trio.reception.mail_loop_options import MailLoopOptions, mail_loop_chain
from momentum_trio.reception.policy.hello import judged
from momentum_trio.reception.policy.row import HELO, bypassed
from momentum_trio.reception.policy.verdict import Reject
from momentum_trio.reception.reception_options import DefaultBindingOptions, NameOptions, ReceptionOptions
from momentum_trio.reception.relay import permission
from momentum_trio.reception.rules import Rules, blackholes, relay_right_of
from momentum_trio.reception.screening_options import ScreeningOptions
from momentum_trio.reception.transaction import Recipient, Transaction

PROTOCOL = "smtp"  # the module that the rejectlog names where the protocol itself refused
CONTENT_SEEN = b"From: a@b.example\r\n"  # enough of a header section for the checks of content to read their options

ITEMS_SHOWN_MAX = 3

_session, _mail = SessionOptions, ReceptionOptions
_GREETING: tuple[Option[str], ...] = (_session.static_banner, _session.banner_hostname, NameOptions.hostname)
_OF_COMMANDS = (_session.pedantic_addresses, _session.trailing_whitespace, _session.whitespace_in_envelope)
_OFFER = (_session.smtp_extensions, _session.message_octets_max)
_OF_CONTENT = (_session.message_octets_max, _session.lone_lf_in_body)
_OF_HELLO = (ScreeningOptions.hello_qualified, ScreeningOptions.hello_literal, ScreeningOptions.hello_not_ours)
_OF_PROTOCOL: dict[str, tuple[str, tuple[Option[Any], ...]]] = {
    replies.HELLO_NEEDED.text: ("Require_EHLO wants EHLO or HELO first", (_session.require_ehlo,)),
    replies.MAIL_SYNTAX.text: (
        "the grammar of RFC 5321 section 4.1.2 as these options have it",
        (*_OF_COMMANDS, _mail.domain_for_unqualified_senders),
    ),
    replies.RCPT_SYNTAX.text: (
        "the grammar of RFC 5321 section 4.1.2 as these options have it",
        (*_OF_COMMANDS, _mail.domain_for_unqualified_recipients),
    ),
    replies.MESSAGE_TOO_LARGE.text: ("SIZE declares more than Max_Message_Size", (_session.message_octets_max,)),
    replies.PARAMETER_UNKNOWN.text: ("no extension that EHLO offers here has this parameter", _OFFER),
    replies.TOO_MANY_BAD_COMMANDS.text: ("there were more than Max_Bad_Commands", (_session.bad_commands_max,)),
}
_BY_PROTOCOL = "the syntax and order of commands (RFC 5321)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A check that was asked. options: those it read, in order."""

    check: str
    meaning: str
    passed: bool
    options: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the peer said and what he was told.

    module: who refused, as the rejectlog names him. rule: why it was refused or permitted, in words. options: what that
    depends on. checks: those that were asked, in order; the last one decided if it did not pass. note: what else is
    worth knowing.
    """

    said: str
    reply: tuple[str, ...] = ()
    module: str = ""
    rule: str = ""
    options: tuple[Read, ...] = ()
    checks: tuple[Asked, ...] = ()
    note: str = ""

    @property
    def taken(self) -> bool:
        """Whether the reply says yes."""
        return self.reply[-1][:1] in ("2", "3")


class Conversation:
    """One session of *client*, from its greeting. chain: the one that the tree has for him."""

    def __init__(self, witness: Witness, chain: Chain, client: Client, system_hostname: str) -> None:
        self._witness, self._chain = witness, chain
        self._asked: list[Asked] = []
        observed = witness.watched(chain)
        self.rules = watched_rules(witness, observed, client, system_hostname)
        self._envelopes = Envelopes(self._attended(CHECKS).under, client, self.rules)
        options = SessionOptions.resolve(observed)
        security = security_of(observed, options, client)
        self._server = Server(
            terms_of(
                options,
                options,
                self.rules,
                security,
                str(client.peer_address),
                DATE,
                for_trusted(options),
                Conntrol().opening(witness.tree),
            )
        )

    @property
    def over(self) -> bool:
        """Whether the server has closed."""
        return self._server.closed

    @property
    def transaction(self) -> Transaction | None:
        """The mail transaction as it stands."""
        return self._envelopes.transaction

    def greet(self) -> Turn:
        """The greeting."""
        self._server.begin()
        naming = [option for option in _GREETING if option.resolve(self._chain)]
        return Turn("", self._reply(), options=self._here(naming[:1]))

    def say(self, line: str) -> Turn:
        """The peer says *line*, one command."""
        assert not self.over
        assert not {"\r", "\n"} & set(line)
        self._asked.clear()
        self._server.receive(line.encode("utf-8", "replace") + b"\r\n")
        event = self._server.next_event()
        assert event is not None, "a whole line was received"
        turn = self._answered(line, event)
        return replace(turn, reply=self._reply(), checks=tuple(self._asked))

    def content_checks(self) -> tuple[Asked, ...]:
        """The checks that content will meet, with the options they read; what they find is the content's affair."""
        self._asked[:] = [Asked(PROTOCOL, "its size, NUL octets, CR and LF apart", True, self._here(_OF_CONTENT))]
        transaction = self.transaction
        assert transaction is not None
        for check in self._attended(CHECKS).content:
            check(transaction, scan(CONTENT_SEEN))
        return tuple(self._asked)

    @property
    def bindings(self) -> Sequence[Binding]:
        """Those that his messages get, in turn."""
        assert self.rules.bindings is not None
        return self.rules.bindings.wanted(self.rules.options.outbound_binding)

    def _here(self, options: Sequence[Option[Any]]) -> tuple[Read, ...]:
        """*options* as they hold for this client."""
        return tuple(Read(option, self._chain) for option in options)

    def _reply(self) -> tuple[str, ...]:
        return tuple(self._server.octets_to_send().decode("ascii").splitlines())

    def _answered(self, line: str, event: Event) -> Turn:
        """Answer *event* as a session does, and tell why."""
        match event:
            case Mail():
                return self._decided(
                    line,
                    self._envelopes.mail(event.reverse_path, event.line, event.returning, event.body, event.smtputf8),
                )
            case Rcpt():
                return self._decided(line, self._envelopes.recipient(event.forward_path, event.line, event.wish))
            case Hello():
                return self._greeted(line, event)
            case Refusal():
                rule, options = _OF_PROTOCOL.get(event.reply.text, (_BY_PROTOCOL, ()))
                return Turn(line, (), PROTOCOL, rule, self._here(options))
            case _:
                if event.needs_answer:
                    self._server.answer()
                return Turn(line)

    def _greeted(self, line: str, event: Hello) -> Turn:
        client, rules = self._envelopes.client, self.rules
        is_judged = HELO not in bypassed(rules.options.context) and not (rules.client_may_relay or client.is_unix)
        options = ScreeningOptions.resolve(self._chain)
        verdict = judged(options, event.domain, client.peer_address, rules.hostname) if is_judged else None
        if isinstance(verdict, Reject):
            self._server.answer(Reply(verdict.code, verdict.enhanced, (verdict.text,)))
            asked = [option for option in _OF_HELLO if option.resolve(self._chain)]
            return Turn(line, (), HELO, "an option judges what clients call themselves", self._here(asked))
        self._server.answer()
        return Turn(line, options=self._here(_OFFER if event.verb == "EHLO" else ()))

    def _decided(self, line: str, decision: Decision) -> Turn:
        if not isinstance(decision, Accepted):
            self._server.answer(decision.reply)
            return Turn(line, (), decision.module, decision.rule, self._asked[-1].options)
        self._server.answer()
        transaction = self.transaction
        assert transaction is not None
        if transaction.asked is None:
            path, given, option = transaction.reverse_path, transaction.reverse_path_given, _COMPLETED[0]
            return Turn(line, options=self._here(() if path == given else (option,)), note=_taken_as(path, given))
        asked = transaction.asked
        rule = permission(transaction, asked)
        named = [read for check in self._asked for read in check.options if read.option.name in rule]
        completed = self._here(() if asked.path == asked.given or asked.is_postmaster else _COMPLETED[1:])
        note = _taken_as(asked.path, asked.given) or _holding(transaction, asked, named)
        return Turn(line, rule=rule, options=(*named, *completed), note=note)

    def _attended(self, checks: Checks) -> Checks:
        """*checks*, of which it is kept that they were asked, what they read and whether they passed."""
        return Checks(
            tuple(map(self._attend, checks.mail)),
            tuple(map(self._attend, checks.recipient)),
            tuple(map(self._attend, checks.content)),
        )

    def _attend(self, check: Callable[..., Decision]) -> Callable[..., Decision]:
        def asked(*about: object) -> Decision:
            mark = len(self._witness.reads)
            decision = check(*about)
            meaning = (check.__doc__ or "").partition("\n")[0]
            self._asked.append(Asked(check.__name__, meaning, decision is ACCEPTED, self._witness.since(mark)))
            return decision

        return asked


_COMPLETED = (_mail.domain_for_unqualified_senders, _mail.domain_for_unqualified_recipients)


def _taken_as(path: str, given: str) -> str:
    return "" if path == given else f"taken as <{path}>"


def _holding(transaction: Transaction, asked: Recipient, named: Sequence[Read]) -> str:
    """Which items of the lists that permit it hold what was asked about: each item is asked by itself."""
    options = transaction.rules.options
    held = [item for read in named for item in _items(options, transaction, asked, read.option)]
    return f"by its item {', '.join(held[:ITEMS_SHOWN_MAX])}" if held else ""


def _items(options: ReceptionOptions, transaction: Transaction, asked: Recipient, option: Option[Any]) -> Iterator[str]:
    if option is _mail.relay_hosts:
        for item in options.relay_hosts.items:
            if transaction.client.peer_address in AddressList(item):
                yield item
        return
    domain = transaction.sender_domain if option is _mail.relay_for_sending_domains else asked.domain
    globs = getattr(options, option.attribute)
    for item in globs.items if isinstance(globs, DomainGlobs) else ():
        if domain in DomainGlobs(item):
            yield item


def watched_rules(witness: Witness, chain: Chain, client: Client, system_hostname: str) -> Rules:
    """The rules of *client* along *chain*, observed: what they hold that follows from options is worked out anew
    whenever it is asked for, so that these are read then.
    """
    loops = MailLoopOptions.resolve(witness.watched(mail_loop_chain(witness.root)))
    rules = Rules.of(chain, client, system_hostname, blackholes(witness), Bindings(witness), mail_loop=loops)
    follows: dict[str, Callable[[], object]] = {
        "client_may_relay": lambda: relay_right_of(rules.options, client),
        "has_default_binding": lambda: DefaultBindingOptions.resolve(chain).default_binding,
        "hostname": lambda: NameOptions.resolve(chain).hostname,
    }

    class Watched(Rules):
        def __getattribute__(self, name: str) -> object:
            if name in follows:
                follows[name]()
            return super().__getattribute__(name)

    return Watched(**{name: getattr(rules, name) for name in rules.__slots__})
