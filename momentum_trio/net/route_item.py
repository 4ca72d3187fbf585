"""One item of ``Routes``: a host, the domain's own MX set, or ``smtp://host?pref=P&ttl=T&port=O&type=mx|a``."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.net.next_hop import NextHop

ROUTE_TEXT_MAX = 400
PREFERENCE_MAX = 65_535
TTL_MAX = 2**32 - 1
MX_SET = "__mx__"
_SCHEME = "smtp://"
_EXPECTED = "expected a host, __mx__ or smtp://HOST?pref=P&ttl=T&port=O&type=mx|a"


@dataclass(frozen=True, slots=True)
class RouteItem:
    """Where mail may go.

    hop: a host, or the name whose MX set is meant (``mx``); None: the MX set of the domain itself. preference: as of MX
    records; None: its place in the list says. ttl: seconds it may be remembered; None: as DNS says.
    """

    text: str
    hop: NextHop | None
    preference: int | None = None
    ttl: int | None = None
    mx: bool = False

    @classmethod
    def parse(cls, text: str) -> RouteItem:
        """The item that *text* writes. Raises ValueError whose text says what was expected."""
        if len(text) > ROUTE_TEXT_MAX:
            raise ValueError(_EXPECTED)
        if text.lower() == MX_SET:
            return cls(text, None, mx=True)
        if not text.lower().startswith(_SCHEME):
            return cls(text, NextHop.parse(text))
        host, question, query = text[len(_SCHEME) :].partition("?")
        words = _query(query) if question else {}
        port = _number(words, "port", 1, 65_535)
        mx = words.get("type", "a").lower()
        if mx not in ("mx", "a"):
            raise ValueError(f"type is mx or a: {_EXPECTED}")
        preference, ttl = _number(words, "pref", 0, PREFERENCE_MAX), _number(words, "ttl", 0, TTL_MAX)
        if host.lower() == MX_SET:
            if port is not None:
                raise ValueError("the MX set of the domain has no port: Remote_SMTP_Port does")
            return cls(text, None, preference, ttl, mx=True)
        hop = NextHop.parse(host)
        hop = NextHop(hop.host, hop.port if port is None else port)
        return cls(text, hop, preference, ttl, mx == "mx" and not hop.is_address)


def _query(text: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        name = name.lower()
        if not equals or name not in ("pref", "ttl", "port", "type") or name in words:
            raise ValueError(f"'{pair}': {_EXPECTED}")
        words[name] = value
    return words


def _number(words: dict[str, str], name: str, low: int, high: int) -> int | None:
    if (text := words.get(name)) is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not low <= int(text) <= high:
        raise ValueError(f"{name} is a number from {low} to {high}: {_EXPECTED}")
    return int(text)
