"""What is to be explained, as an operator types it: ``192.0.2.7 to :25 from a@b.example rcpt c@d.example``.

A keyword may be cut short as far as it stays clear (``rec``, ``rcp``); an address by itself is the peer, an endpoint by
itself where he connects to. Names of listeners may leave out ``_listener``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from momentum_trio.config.check import LISTENER_KINDS
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.net.netblock import LOOPBACK, Address, parse_address

CONTROL = "control_listener"
UNIX = "unix"
NULL = "<>"
WORDS_MAX = 200
RECIPIENTS_MAX = 50
ROLES_MAX = 50
TEXT_MAX = 1000  # of one word: longer than any command of SMTP could hold it

INBOUND = "[LISTENER] PEER [to LISTEN] [helo NAME] [auth USER] [from PATH] [rcpt PATH] ... [option NAME]"
CONSOLE = "control PEER [to LISTEN] [user NAME] [role NAME] ... [command LINE]"
OUTBOUND = "domain DOMAIN [binding NAME] [option NAME]"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A peer that connects, and what he says.

    peer: None until it is known; that of a Unix peer, by_unix, is 127.0.0.1. listener: lower case; empty: whichever
    listens there. local: where he connects to; None: the only place there is. anywhere: *local* was given by its port
    alone. hello: ``EHLO name``; empty: what a client of that address would say. authenticated: whom he has proved to be
    by AUTH. reverse_path: None: he gives none. user, roles, command: at the console, who he is or proves to be, and
    what he says. option: the only one asked about; empty: all.
    """

    peer: Address | None = None
    by_unix: bool = False
    listener: str = ""
    local: Endpoint | None = None
    anywhere: bool = False
    hello: str = ""
    authenticated: str = ""
    reverse_path: str | None = None
    forward_paths: tuple[str, ...] = ()
    user: str = ""
    roles: tuple[str, ...] = ()
    command: str = ""
    option: str = ""

    @property
    def is_of_console(self) -> bool:
        """Whether something is asked that is so at a console alone."""
        return bool(self.user or self.roles or self.command)


@dataclass(frozen=True, slots=True)
class Outbound:
    """Mail to *domain*. binding: ``name`` or ``group/name``; empty: the default one."""

    domain: str
    binding: str = ""
    option: str = ""


Question = Inbound | Outbound


def parse(words: Sequence[str]) -> Question:
    """The question that *words* ask. Raises ValueError, which says what is wrong with them."""
    if len(words) > WORDS_MAX or any(len(word) > TEXT_MAX for word in words):
        raise ValueError(f"a question has at most {WORDS_MAX} words of {TEXT_MAX} characters")
    if any(end in word for word in words for end in "\r\n"):
        raise ValueError("a word holds no line end")
    if words and _keyword(words[0], ("domain",)) and not _is_place(words[0]):
        return _outbound(words[1:])
    return _inbound(words)


def _outbound(words: Sequence[str]) -> Outbound:
    given = dict(_pairs(words[1:], _OF_DOMAIN))
    if not words or not words[0]:
        raise ValueError(f"usage: {OUTBOUND}")
    return Outbound(words[0], given.get("binding", ""), given.get("option", ""))


def _inbound(words: Sequence[str]) -> Inbound:
    asked, rest = Inbound(), list(words)
    while rest:
        word = rest.pop(0)
        if keyword := _keyword(word, _OF_PEER):
            if not rest:
                raise ValueError(f"'{word}' wants a word behind it")
            asked = _with(asked, keyword, rest.pop(0))
        else:
            asked = _by_itself(asked, word)
    if asked.local is not None and (asked.local.family is Family.UNIX) is not asked.by_unix:
        if asked.by_unix or asked.peer is not None:
            raise ValueError(f"{UNIX if asked.by_unix else asked.peer} does not connect to {asked.local}")
        asked = replace(asked, peer=LOOPBACK, by_unix=True)
    if asked.peer is None:
        raise ValueError(f"who connects? usage: {INBOUND}")
    if asked.is_of_console and asked.listener not in ("", CONTROL):
        raise ValueError(f"{', '.join(_OF_CONSOLE)}: asked about at a console alone: {CONSOLE}")
    return replace(asked, listener=CONTROL) if asked.is_of_console else asked


_OF_DOMAIN = ("binding", "option")
_SAME = {"ehlo": "ehlo", "listen": "to", "mail": "from", "recipient": "rcpt", "sender": "from"}
_OF_CONSOLE = ("command", "role", "user")
_OF_PEER = (
    "auth",
    "ehlo",
    "from",
    "helo",
    "listen",
    "mail",
    "option",
    "peer",
    "rcpt",
    "recipient",
    "sender",
    "to",
    *_OF_CONSOLE,
)


def _keyword(word: str, known: Sequence[str]) -> str:
    """The keyword that *word* is, or begins; empty when it is none."""
    word = word.lower()
    if word in known:
        return word
    begun = {_SAME.get(keyword, keyword) for keyword in known if word and keyword.startswith(word)}
    return begun.pop() if len(begun) == 1 else ""


def _pairs(words: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    for place in range(0, len(words), 2):
        keyword = _keyword(words[place], known)
        if not keyword:
            raise ValueError(f"'{words[place]}' is none of {', '.join(known)}")
        if place + 1 == len(words):
            raise ValueError(f"'{words[place]}' wants a word behind it")
        yield keyword, words[place + 1]


def _with(asked: Inbound, keyword: str, word: str) -> Inbound:
    match _SAME.get(keyword, keyword):
        case "peer":
            return _with_peer(asked, word)
        case "to":
            return _with_local(asked, word)
        case "ehlo" | "helo" as verb:
            return replace(asked, hello=f"{verb.upper()} {word}")
        case "auth":
            return replace(asked, authenticated=word)
        case "from":
            return replace(asked, reverse_path=word)
        case "user":
            return replace(asked, user=word)
        case "command":
            return replace(asked, command=word)
        case "role" if len(asked.roles) < ROLES_MAX:
            return replace(asked, roles=(*asked.roles, word))
        case "role":
            raise ValueError(f"at most {ROLES_MAX} roles are asked about at once")
        case "rcpt" if len(asked.forward_paths) < RECIPIENTS_MAX:
            return replace(asked, forward_paths=(*asked.forward_paths, word))
        case "rcpt":
            raise ValueError(f"at most {RECIPIENTS_MAX} recipients are asked about at once")
        case _:
            return replace(asked, option=word)


def _by_itself(asked: Inbound, word: str) -> Inbound:
    """*word* without a keyword: a listener, a peer, or an endpoint."""
    if listener := _listener(word):
        return replace(asked, listener=listener)
    if _is_place(word):
        return _with_local(asked, word)
    return _with_peer(asked, word)


def _listener(word: str) -> str:
    lower = word.lower()
    return next((name for name in LISTENER_KINDS if lower in (name, name.removesuffix("_listener"))), "")


def _is_place(word: str) -> bool:
    """Whether *word* is an endpoint; ``::1`` alone is an address."""
    try:
        parse_address(word)
    except ValueError:
        return word.startswith(("/", ":", "[", "*")) or word.rpartition(":")[2].isdigit()
    return False


def _with_peer(asked: Inbound, word: str) -> Inbound:
    if asked.peer is not None:
        raise ValueError(f"'{word}' is too much: the peer is {asked.peer}")
    if word.lower() == UNIX:
        return replace(asked, peer=LOOPBACK, by_unix=True)
    try:
        return replace(asked, peer=parse_address(word))
    except ValueError:
        raise ValueError(f"'{word}' is no address, no endpoint and no keyword. Usage: {INBOUND}") from None


def _with_local(asked: Inbound, word: str) -> Inbound:
    if asked.local is not None:
        raise ValueError(f"'{word}' is too much: he connects to {asked.local}")
    return replace(asked, local=Endpoint.parse(word), anywhere=word.startswith(":"))


def completions(words: Sequence[str]) -> tuple[str, ...]:
    """The keywords that could come after *words*, the question so far."""
    if words and words[0].lower() == "domain":
        return _OF_DOMAIN if len(words) > 1 else ()
    behind = ("auth", "command", "ehlo", "from", "helo", "option", "rcpt", "role", "to", "user")
    return behind if words else (*behind, "domain")
