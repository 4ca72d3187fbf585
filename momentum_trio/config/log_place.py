"""Where a logger writes to: a file, or a durable log with those it is kept for (spec/cluster.md section 8).

```
/var/log/ecelerity/mainlog.ec                                  a file, as file:///var/log/ecelerity/mainlog.ec
cluster:///var/log/ecelerity/mainlog.cluster=>mgr1             a durable log; jlog:// says the same
cluster:///var/log/ecelerity/mainlog.cluster?subscribers=a,b   of several subscribers; master unless somebody is named
```
"""

from __future__ import annotations

from typing import NamedTuple

from momentum_trio.config.kind import quoted, word_of
from momentum_trio.config.option import Kind
from momentum_trio.config.value import Value

MASTER = "master"
SUBSCRIBER_LENGTH_MAX = 60
SUBSCRIBERS_MAX = 64
FILE, DURABLE = ("file",), ("cluster", "jlog")
_QUERY = "?subscribers="


class LogPlace(NamedTuple):
    """A path; of a durable log, whose folder it is, also for whom it is kept. The path is empty: nowhere."""

    path: str
    subscribers: tuple[str, ...] = ()

    @property
    def is_durable(self) -> bool:
        """Whether its lines are kept until each subscriber has acknowledged them."""
        return bool(self.subscribers)

    @classmethod
    def parse(cls, text: str) -> LogPlace:
        """What *text* says. Raises ValueError."""
        scheme, separator, rest = text.partition("://")
        if not separator:
            return cls(text)
        if scheme.lower() in FILE:
            if not rest.startswith("/"):
                raise ValueError("expected a path that begins with / behind file://")
            return cls(rest)
        if scheme.lower() not in DURABLE:
            raise ValueError(f"expected a path, file://, cluster:// or jlog://, not {scheme}://")
        path, names = _parts(rest)
        if not path.startswith("/") or path == "/":
            raise ValueError(
                "expected the path of a folder behind cluster://, such as /var/log/ecelerity/mainlog.cluster"
            )
        return cls(path.rstrip("/"), names)


def is_subscriber(text: str) -> bool:
    """Whether somebody may be called so."""
    return (
        0 < len(text) <= SUBSCRIBER_LENGTH_MAX
        and text.isascii()
        and text.isprintable()
        and not set(text) & set(" ,/=>?")
    )


def _parts(rest: str) -> tuple[str, tuple[str, ...]]:
    """The path, and the subscribers. Raises ValueError."""
    if "=>" in rest:
        path, _, name = rest.partition("=>")
        names: tuple[str, ...] = (name,)
    elif _QUERY in rest:
        path, _, listed = rest.partition(_QUERY)
        names = tuple(dict.fromkeys(listed.split(",")))
    else:
        path, names = rest, (MASTER,)
    if "?" in path or not all(map(is_subscriber, names)) or len(names) > SUBSCRIBERS_MAX:
        raise ValueError(f"expected =>SUBSCRIBER or ?subscribers=A,B: at most {SUBSCRIBERS_MAX} words")
    return path, names


def _parse(value: Value) -> str:
    LogPlace.parse(text := word_of(value, "a path, or cluster:// and a path"))
    return text


LOG_PLACE: Kind[str] = Kind("string", _parse, quoted)
