"""A configuration as plain dictionaries, read and changed slowly and apart from the product.

It knows what an operator of a scenario writes and says (``operator_acts.py``): scopes, words, lists; a scope opened
again goes on; of equal names the last counts. Nothing is included and no value is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from momentum_trio.config.value import Array, Position, Setting, Value, Word

from . import reference_acl
from .reference_acl import Asker, listen_of, may_relay

Path = tuple[tuple[str, str], ...]
"""Kinds, in lower case, and instances, from the file level inwards."""

Words = str | tuple[str, ...]
Scopes = dict[Path, dict[str, Words]]

NAMED = frozenset({"domain", "ec_logger", "listen", "peer"})  # of the scopes that are named at a console here
SCOPES = NAMED | {"cluster", "control_listener", "ecstream_listener", "esmtp_listener"}
BOUND = (
    "control_listener",
    "eccluster_listener",
    "ecstream_listener",
    "esmtp_listener",
    "msgcserver_listener",
)
"""The listeners whose sockets the host opens."""
OFF = ("off", "false", "disabled", "0")
SECRETS, HIDDEN = frozenset({"cluster_secret"}), "***"  # options that consoles show so, whatever they are
NOWHERE = Position("", 0, 0)

_ANY = {"": "0.0.0.0", "*": "0.0.0.0", "[*]": "[::]"}

_TOKEN = re.compile(r"""\s*(?:\#[^\n]*|("(?:\\.|[^"\\])*"|'[^']*'|[{}()\[\]=,;]|[^\s{}()\[\]=,;"'#]+))""")


class Broken(ValueError):
    """The text is no configuration: something is left open, or stands where it cannot."""


class Verdict(Enum):
    """What a recipient of a mail is told, as far as the place and the relay decide it."""

    NOBODY = "nobody takes the connection"
    TAKEN = "taken"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, eq=True)
class Configuration:
    """scopes: what each sets itself, by lower-case name; the file level is the empty path."""

    scopes: Scopes

    def with_option(self, path: Path, option: str, words: Words) -> Configuration:
        """*option* set in the scope *path*, which is made if need be."""
        scopes = {at: dict(settings) for at, settings in self.scopes.items()}
        for depth in range(len(path) + 1):
            scopes.setdefault(path[:depth], {})
        scopes[path][option] = words
        return Configuration(scopes)

    def without(self, path: Path, option: str = "") -> Configuration:
        """*option*, or the whole scope *path*, unset."""
        if option:
            kept = {name: words for name, words in self.scopes.get(path, {}).items() if name != option}
            return Configuration({**self.scopes, path: kept})
        return Configuration({at: settings for at, settings in self.scopes.items() if at[: len(path)] != path})

    def listens(self) -> Iterator[Path]:
        """The Listens whose sockets are to be open."""
        for path in self.scopes:
            if path and path[-1][0] == "listen" and path[0][0] in BOUND and self._enabled(path):
                yield path

    def _enabled(self, listen: Path) -> bool:
        for depth in range(len(listen), -1, -1):
            if (words := self.scopes.get(listen[:depth], {}).get("enable")) is not None:
                return str(words).lower() not in OFF
        return True

    def sockets(self) -> frozenset[str]:
        """Where TCP sockets are to listen, as the simulated host names them."""
        return frozenset(_socket(path[-1][1]) for path in self.listens() if not path[-1][1].startswith("/"))

    def accepts(self, address: str, port: int) -> bool:
        """Whether somebody takes mail that comes to *address*."""
        listeners = [child for child in self.view().children if child.kind == reference_acl.LISTENER]
        return any(listen_of(listener, Asker(address, port)) is not None for listener in listeners)

    def verdict(self, asker: Asker, reverse_path: str, forward_path: str) -> Verdict:
        """What *asker* is told."""
        if not self.accepts(asker.listen, asker.port):
            return Verdict.NOBODY
        return Verdict.TAKEN if may_relay(self.view(), asker, reverse_path, forward_path) else Verdict.DENIED

    def view(self, path: Path = ()) -> View:
        """The scope at *path* as ``reference_acl`` looks at it: without Listens that are not open."""
        kind, instance = path[-1] if path else ("global", "")
        settings = {name: Setting(name, _value(words), NOWHERE) for name, words in self.scopes.get(path, {}).items()}
        inside = [at for at in self.scopes if len(at) == len(path) + 1 and at[:-1] == path]
        shut = [at for at in inside if at[-1][0] == "listen" and not self._enabled(at)]
        return View(kind, instance, settings, tuple(self.view(at) for at in inside if at not in shut))


@dataclass(frozen=True, slots=True)
class View:
    """See ``reference_acl.RawScope``."""

    kind: str
    instance: str
    settings: Mapping[str, Setting]
    children: tuple[View, ...]


def read(text: str) -> Configuration:
    """The configuration that *text* is. Raises Broken."""
    tokens, scopes = list(_tokens(text)), Scopes()
    end = _scope(tokens, 0, (), scopes)
    if end != len(tokens):
        raise Broken(f"'{tokens[end]}' closes nothing")
    return Configuration(scopes)


def flat(text: str) -> str:
    """*text* in one line, its comments left out."""
    return " ".join(_tokens(text))


def place(words: str) -> tuple[Path, str, str]:
    """``esmtp_listener listen :25 enable true``: the scope, the option (empty: the scope itself), the value.

    Raises Broken.
    """
    path: Path = ()
    tokens = list(_tokens(words))
    while tokens and tokens[0].lower() in SCOPES:
        kind = tokens.pop(0).lower()
        if kind in NAMED and not tokens:
            raise Broken(f"which {kind}?")
        path = (*path, _step(kind, _bare(tokens.pop(0)) if kind in NAMED else ""))
    return path, tokens[0].lower() if tokens else "", " ".join(token for token in tokens[1:] if token != "=")


def words_of(text: str) -> Words:
    """A value: a word, or a list, and nothing behind it. Raises Broken."""
    tokens = list(_tokens(text))
    words, end = _words(tokens, 0)
    if end != len(tokens):
        raise Broken(f"'{tokens[end]}' is too much")
    return words


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Broken(f"a string stays open: {text[at : at + 20]}")
        at = found.end()
        if found[1] is not None and found[1] not in (",", ";"):
            yield found[1]


def _scope(tokens: list[str], at: int, path: Path, scopes: Scopes) -> int:
    """Read what stands in the scope *path* up to its end; where that is."""
    settings = scopes.setdefault(path, {})
    while at < len(tokens) and tokens[at] != "}":
        following = tokens[at + 1 : at + 3]
        if following[:1] == ["="]:
            option = tokens[at].lower()
            words, at = _words(tokens, at + 2)
            settings[option] = HIDDEN if option in SECRETS else words
        elif "{" in following:
            instance = _bare(following[0]) if following[0] != "{" else ""
            inside = _scope(tokens, at + (3 if instance else 2), (*path, _step(tokens[at].lower(), instance)), scopes)
            if inside == len(tokens):
                raise Broken(f"'{tokens[at]}' stays open")
            at = inside + 1
        else:
            raise Broken(f"'{tokens[at]}' is neither set nor opened")
    return at


def _words(tokens: list[str], at: int) -> tuple[Words, int]:
    """The value at *at*, and where it ends."""
    if at >= len(tokens):
        raise Broken("a value is missing")
    if tokens[at] not in ("(", "["):
        return _bare(tokens[at]), at + 1
    closing = ")" if tokens[at] == "(" else "]"
    if closing not in tokens[at:]:
        raise Broken("a list stays open")
    end = tokens.index(closing, at)
    return tuple(_bare(token) for token in tokens[at + 1 : end]), end + 1


def _step(kind: str, instance: str) -> tuple[str, str]:
    return kind, f"*{instance}" if kind == "listen" and instance.startswith(":") else instance


def _bare(token: str) -> str:
    return token[1:-1].replace('\\"', '"') if token.startswith(('"', "'")) else token


def _value(words: Words) -> Value:
    return Word(words) if isinstance(words, str) else Array(tuple(Word(word) for word in words))


def _socket(instance: str) -> str:
    host, _, port = instance.rpartition(":")
    return f"{_ANY.get(host, host)}:{port}"
