"""What a trusted proxy says about the client behind it: XCLIENT, XREMOTEIP, XSETCONTEXT; and XDUMPCONTEXT.

XCLIENT is Postfix's (its XCLIENT_README), the others are Momentum's (spec/listeners.md section 2.2). Who may say such a
thing is decided by who offers it to whom. None of it gives a right by itself: LOGIN is not offered, and what the server
alone knows (``can_relay``, ``auth_*``, ``tls*``) cannot be set.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Final, NamedTuple

from momentum_trio.mail.dsn import XTEXT, unescaped
from momentum_trio.mail.reply import Reply
from momentum_trio.net.netblock import Address
from momentum_trio.protocol.smtp import replies

ATTRIBUTES: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "DESTADDR", "DESTPORT")
XCLIENT_OFFER: Final = f"XCLIENT {' '.join(ATTRIBUTES)}"
"""The EHLO line."""

UNAVAILABLE: Final = frozenset(("[UNAVAILABLE]", "[TEMPUNAVAIL]"))
PAIRS_MAX: Final = 32
"""Of one XSETCONTEXT, and of one connection."""
_OWN_NAMES: Final = frozenset(("can_relay", "pathway"))
_OWN_PREFIXES: Final = ("auth_", "tls", "#", "__")

_IPV6 = "IPV6:"
_NAME = re.compile("[A-Za-z0-9_#.-]{1,64}")
_PAIR = re.compile(rf"({_NAME.pattern})=({XTEXT}*)")
_PORT = re.compile(r"[0-9]{1,5}")
_WORD = re.compile(r"[!-~]{1,255}")


class Claim(NamedTuple):
    """Of XCLIENT. None, empty, 0: nothing was said, or the proxy does not know it either.

    address, port: the client's. name: of his address, as DNS has it. hello: what he called himself.
    local_address, local_port: where he connected to.
    """

    address: Address | None = None
    port: int = 0
    name: str = ""
    hello: str = ""
    local_address: Address | None = None
    local_port: int = 0


def claim_of(argument: str) -> Claim | Reply:
    """What XCLIENT says with *argument*, or the refusal."""
    said = _pairs(argument)
    if not said:
        return replies.XCLIENT_SYNTAX
    known: dict[str, str] = {}
    for name, value in said:
        if name.upper() not in ATTRIBUTES or name.upper() in known:
            return replies.XCLIENT_SYNTAX
        known[name.upper()] = "" if value.upper() in UNAVAILABLE else value
    try:
        return _claim(known)
    except ValueError:
        return replies.XCLIENT_SYNTAX


def _claim(known: Mapping[str, str]) -> Claim:
    if known.get("PROTO", "") not in ("", "SMTP", "ESMTP"):
        raise ValueError("no protocol")
    return Claim(
        _address(known.get("ADDR", "")),
        _port(known.get("PORT", "")),
        _word(known.get("NAME", "")),
        _word(known.get("HELO", "")),
        _address(known.get("DESTADDR", "")),
        _port(known.get("DESTPORT", "")),
    )


def address_of(text: str) -> Address:
    """The address of a host that *text* is, an IPv4 one in IPv6 as itself. Raises ValueError."""
    address = ip_address(text)
    address = getattr(address, "ipv4_mapped", None) or address
    if "%" in text or address.is_unspecified or address.is_multicast:
        raise ValueError("not the address of a host, or with a zone")
    return address


def _address(text: str) -> Address | None:
    if not text:
        return None
    has_prefix = text[: len(_IPV6)].upper() == _IPV6
    if has_prefix is not (":" in text):
        raise ValueError("an IPv6 address has a prefix")
    return address_of(text[len(_IPV6) :] if has_prefix else text)


def _port(text: str) -> int:
    if not text:
        return 0
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise ValueError("no port")
    return int(text)


def _word(text: str) -> str:
    if text and not _WORD.fullmatch(text):
        raise ValueError("no word")
    return text


def context_of(argument: str) -> tuple[tuple[str, str], ...] | Reply:
    """The pairs that XSETCONTEXT sets with *argument*, or the refusal."""
    pairs = _pairs(argument)
    if not pairs or len(pairs) > PAIRS_MAX:
        return replies.XSETCONTEXT_SYNTAX
    return replies.XSETCONTEXT_OWN if any(is_own_name(name) for name, _ in pairs) else tuple(pairs)


def context_refusal(pairs: Collection[tuple[str, str]]) -> Reply | None:
    """Why the context cannot be *pairs*, which did not come as XSETCONTEXT; None: it can."""
    if len(pairs) > PAIRS_MAX:
        return replies.XSETCONTEXT_FULL
    if not all(_NAME.fullmatch(name) and value.isprintable() for name, value in pairs):
        return replies.CONTEXT_SYNTAX
    return replies.XSETCONTEXT_OWN if any(is_own_name(name) for name, _ in pairs) else None


def is_own_name(name: str) -> bool:
    """Whether the variable *name* is the server's own: nobody else may set it."""
    return name.lower() in _OWN_NAMES or name.lower().startswith(_OWN_PREFIXES)


def _pairs(argument: str) -> list[tuple[str, str]]:
    """``NAME=xtext`` and others, decoded; nothing where some word is none."""
    matches = [_PAIR.fullmatch(word) for word in argument.split(" ")]
    return [] if None in matches else [(match[1], unescaped(match[2])) for match in matches if match]
