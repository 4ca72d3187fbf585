"""Whatever two consoles do in whatever order, configuration and files become what a plain model of it says, always.

Octets are read in pairs: what is done, and to what. The model holds scopes as a dict of dicts and knows no tree, no
chain and no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from momentum_trio.config.difference import differences
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.schema import Schema
from momentum_trio.config.transaction import Change, ConfigConflict, Transaction
from momentum_trio.config.value import Word
from momentum_trio.config.writeback import edited, edits

MAIN: Final = "ecelerity.conf"
SCHEMA: Final = Schema.load()
FILES: Final = {
    MAIN: 'Max_Retries = 0 # of all\ninclude "more.conf"\nDomain /x/ { Gateway = "a" }\nBinding b { }\n',
    "more.conf": "Domain x.example {\n\tMax_Retries = 1\n}\nBinding b { Domain x.example { Max_Retries = 2 } }\n",
}
SESSIONS: Final = 2
PATHS: Final[tuple[ScopePath, ...]] = (
    (),
    (("domain", "x.example"),),
    (("domain", "/x/"),),
    (("binding", "b"),),
    (("binding", "b"), ("domain", "x.example")),
    (("domain", "/y/"),),
)
OPTIONS: Final = ("max_retries", "gateway")

State = dict[ScopePath, dict[str, str]]


@dataclass(slots=True)
class Model:
    """What there is: scopes by path, options by name. begun: of each session, what ran then, what it sees, its changes.

    Another commit was first where both changed one option, one removed a scope that the other was in, or one began
    from scratch and anything has changed.
    """

    running: State
    begun: list[tuple[State, State, list[Change], bool] | None] = field(default_factory=lambda: [None] * SESSIONS)

    def commit(self, session: int) -> bool:
        """Whether it succeeds."""
        begun = self.begun[session]
        assert begun is not None
        base, _, changes, scratch = begun
        if self.running != base and (scratch or any(self._lost(base, change) for change in changes)):
            return False
        state: State = {(): {}} if scratch else deepcopy(self.running)
        for change in changes:
            changed(state, change)
        self.running, self.begun[session] = state, None
        return True

    def _lost(self, base: State, change: Change) -> bool:
        """Whether what *change* is about was changed since *base*."""
        path, now = change.path, self.running
        if change.option is None:
            here = [other for other in {*base, *now} if other[: len(path)] == path]
            return any(base.get(other) != now.get(other) for other in here)
        gone = any(path[:depth] in base and path[:depth] not in now for depth in range(len(path) + 1))
        return gone or base.get(path, {}).get(change.option) != now.get(path, {}).get(change.option)


def changed(state: State, change: Change) -> bool:
    """Make *change* in *state*; whether it can be made."""
    if change.value_text is not None and change.option is not None:
        for depth in range(len(change.path) + 1):
            state.setdefault(change.path[:depth], {})
        state[change.path][change.option] = change.value_text
    elif change.option is not None:
        state.get(change.path, {}).pop(change.option, None)
    elif not change.path or change.path not in state:
        return False
    else:
        for path in [path for path in state if path[: len(change.path)] == change.path]:
            del state[path]
    return True


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: any, in pairs."""
    return st.lists(st.binary(min_size=2, max_size=2), max_size=30).map(b"".join)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    files = dict(FILES)
    read = running = load_text(files, MAIN, schema=SCHEMA)
    model = Model(said(running.root))
    begun: list[Transaction | None] = [None] * SESSIONS
    for verb, object_ in zip(octets[::2], octets[1::2], strict=False):
        session = verb % SESSIONS
        transaction = begun[session]
        match verb // SESSIONS % 8:
            case 0 if transaction is None:
                scratch = object_ % 8 == 0
                begun[session] = Transaction(running, from_scratch=scratch)
                sees: State = {(): {}} if scratch else deepcopy(model.running)
                model.begun[session] = deepcopy(model.running), sees, [], scratch
            case 1 if transaction is not None:
                try:
                    running, begun[session] = transaction.committed(running), None
                    assert model.commit(session)
                except ConfigConflict:
                    assert not model.commit(session)
            case 2 if transaction is not None:
                begun[session] = model.begun[session] = None
            case 3:
                texts = {file: edited(read, file, found) for file, found in edits(read, running).items()}
                files |= {file: text.decode() for file, text in texts.items()}
                read = load_text(files, MAIN, schema=SCHEMA)
                assert not list(differences(read.root, running.root))
                assert edits(read, running) == {}
            case _:
                change = _change(verb, object_)
                sessions = model.begun[session]
                possible = changed(model.running if sessions is None else sessions[1], change)
                try:
                    if transaction is None:
                        running = change.on(running)
                    else:
                        transaction.add(change)
                    assert possible
                except ConfigErrors:
                    assert not possible
                if sessions is not None and possible:
                    sessions[2].append(change)
        assert said(running.root) == model.running
        for mine, its in zip(begun, model.begun, strict=True):
            assert (mine is None) == (its is None)
            assert mine is None or its is None or said(mine.tree.root) == its[1]


def _change(verb: int, object_: int) -> Change:
    path = PATHS[object_ % len(PATHS)]
    option = OPTIONS[object_ // len(PATHS) % len(OPTIONS)]
    match verb // (8 * SESSIONS) % 4:
        case 0 | 1:
            return Change(path, option, str(object_ % 3))
        case 2:
            return Change(path, option, None)
        case _:
            return Change(path, None, None)


def said(scope: Scope, path: ScopePath = ()) -> State:
    """*scope* and all in it as the model has it."""
    return dict(_said(scope, path))


def _said(scope: Scope, path: ScopePath) -> Iterator[tuple[ScopePath, dict[str, str]]]:
    yield path, {key: s.value.text for key, s in scope.settings.items() if isinstance(s.value, Word)}
    for (kind, key), member in scope.members.items():
        yield from _said(member, (*path, (kind, key)))
