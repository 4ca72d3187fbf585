"""Who may enter a console, as whom, and what he may say there: asked of the code that a session asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from momentum_trio.config.chain import Chain
from momentum_trio.config.option import Option
from momentum_trio.config.secrecy import Secrets
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.authority import (
    ANONYMOUS,
    NOT_AUTHORIZED,
    Admitted,
    Demanded,
    Entry,
    Peer,
    Refused,
    Terms,
    entry,
    role_names,
    verdict,
)
from momentum_trio.console.command import Operator
from momentum_trio.console.dispatch import masked_line
from momentum_trio.console.role import granting, role_of
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.control_terms import speaks_tls, terms_of
from momentum_trio.node.explanation.origin import Effective, effective, place, scope_at
from momentum_trio.node.explanation.question import Inbound

_ABOUT: dict[str, tuple[Option[Any], ...]] = {
    "always_allow": (ControlOptions.always_allow,),
    "always_deny": (ControlOptions.always_deny,),
    "back_ends": (ControlOptions.digest_md5, ControlOptions.cram_md5, ControlOptions.login),
    "enable_authentication": (ControlOptions.enable_authentication,),
    "enable_authorization": (ControlOptions.enable_authorization,),
    "groups": (ControlOptions.authorization,),
    "timeout_seconds": (ControlOptions.timeout,),
}
"""What each of a session's Terms is made of."""


@dataclass(frozen=True, slots=True)
class RoleSeen:
    """A role he has. at: where Authorization defines it; empty: it does not."""

    role: str
    at: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of *command*, which is shown without secrets.

    role, pattern, at: what allows it, and where that stands; empty where nothing has to. roles: all that he has, in the
    order in which they are asked.
    """

    command: str
    accepted: bool
    role: str
    pattern: str
    at: str
    roles: tuple[RoleSeen, ...]
    options: tuple[Effective, ...]

    @property
    def words(self) -> str:
        """Why, in a sentence."""
        if self.role:
            return f'allowed by Role "{self.role}": its pattern {self.pattern} is found in it ({self.at})'
        if self.accepted:
            return "allowed: Enable_Authorization does not hold"
        return f"refused ({NOT_AUTHORIZED}): " + (
            f"no Role of {', '.join(seen.role for seen in self.roles)} allows it" if self.roles else "he has no role"
        )


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether he is let in, and as whom.

    mechanisms: by one of them he has to prove who he is before. user: who he is then, as far as that is known; empty
    for nobody in particular. options: those that were asked. groups: the file that says which roles he has besides
    those given; empty: none does.
    """

    is_let_in: bool
    words: str
    mechanisms: tuple[str, ...] = ()
    user: str = ""
    options: tuple[Effective, ...] = ()
    groups: str = ""
    judged: Judged | None = None


def admission(tree: ConfigTree, chain: Chain, asked: Inbound) -> Admission:
    """What a console whose options are those of *chain* makes of him."""
    assert asked.peer is not None
    options = ControlOptions.resolve(chain)
    read: list[str] = []
    terms = _watched(terms_of(options), read.append)
    is_private = not asked.by_unix and speaks_tls(chain)
    let_in = entry(terms, Peer(asked.peer, asked.by_unix, is_private, asked.user if asked.by_unix else ""))
    held = tuple(_held(tree, chain, read))
    if isinstance(let_in, Refused):
        return Admission(False, let_in.why, options=held)
    user = let_in.user if isinstance(let_in, Admitted) else asked.user
    operator = Operator(user, "", "", asked.roles if user else ())
    return Admission(
        is_let_in=True,
        words=_words(let_in, asked),
        mechanisms=let_in.mechanisms if isinstance(let_in, Demanded) else (),
        user=user,
        options=held,
        groups="" if options.authorization is None or not user else options.authorization.uri,
        judged=_judged(tree, chain, operator, asked.command) if asked.command else None,
    )


def _words(let_in: Entry, asked: Inbound) -> str:
    match let_in:
        case Demanded(mechanisms):
            return f"let in once he proves who he is, by {', '.join(mechanisms)}"
        case Admitted() if asked.by_unix:
            return f"let in as {asked.user or 'the user'} whom the operating system names"
        case Admitted(user) if user == ANONYMOUS:
            return f"let in as {ANONYMOUS}, without a proof"
    return "let in as nobody in particular, without a proof"


def _judged(tree: ConfigTree, chain: Chain, operator: Operator, line: str) -> Judged:
    read: list[str] = []
    terms = _watched(terms_of(ControlOptions.resolve(chain)), read.append)
    judged, names = verdict(terms, tree, operator, line), role_names(operator)
    grant = granting(tree, names, line) if judged.role else None
    roles = ((name, role_of(tree, name)) for name in names)
    return Judged(
        masked_line(Secrets(tree.schema), line.strip()),
        judged.accepted,
        judged.role,
        "" if grant is None else grant.pattern,
        "" if grant is None else place(grant.setting),
        tuple(RoleSeen(name, "" if scope is None else scope_at(scope)) for name, scope in roles),
        tuple(_held(tree, chain, read)),
    )


def _held(tree: ConfigTree, chain: Chain, read: list[str]) -> Iterator[Effective]:
    """The options that what was read of the terms is made of, each once."""
    for option in dict.fromkeys(option for name in read for option in _ABOUT[name]):
        yield effective(tree, chain, option)


def _watched(terms: Terms, note: Callable[[str], object]) -> Terms:
    """A copy of *terms* that tells *note* of all that is read of it."""
    names = {field.name for field in fields(Terms)}
    assert names == set(_ABOUT)

    class Watched(Terms):
        def __getattribute__(self, name: str) -> object:
            if name in names:
                note(name)
            return super().__getattribute__(name)

    return Watched(**{name: getattr(terms, name) for name in names})
