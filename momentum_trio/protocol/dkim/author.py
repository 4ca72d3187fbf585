"""The author's domain: that of the mailboxes in From (RFC 5322 section 3.6.2), which a signature answers for."""

from __future__ import annotations

import re

from momentum_trio.mail.international import a_labels
from momentum_trio.mail.path import DOMAIN_NAME, DOMAIN_OCTETS_MAX

_FIELD_OCTETS_MAX = 8192  # a longer From field has no author that is looked for
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^"\\()]+|\\.|.', re.DOTALL)
_TOKEN_OF_COMMENT = re.compile(r"[^\\()]+|\\.|.", re.DOTALL)
_ANGLE = re.compile(r"<[^<>@]*@([^<>@]*)>")
_BARE = re.compile(r"[^\s,;:<>@]+[ \t]*@[ \t]*([^\s,;:<>@]+)")


def author_domain(field: bytes) -> str:
    """The domain, in lower case, of the first mailbox in the From *field*; empty when none can be told for certain."""
    first = _outside(_text(field)).partition(",")[0]
    return _domain(first)


def author_domains(field: bytes) -> frozenset[str]:
    """The domains of all mailboxes in the From *field*; none when that of one of them cannot be told for certain."""
    domains = frozenset(_certain_domain(mailbox) for mailbox in _outside(_text(field)).split(","))
    return frozenset() if "" in domains else domains


def _text(field: bytes) -> str:
    """What stands behind the colon; nothing of a field that is too long."""
    return "" if len(field) > _FIELD_OCTETS_MAX else field.partition(b":")[2].decode("latin-1").replace("\r\n", "")


def _domain(mailbox: str) -> str:
    found = _ANGLE.search(mailbox) or ("<" not in mailbox and _BARE.search(mailbox))
    if not found:
        return ""
    domain = found[1].strip()
    fits = len(domain) <= DOMAIN_OCTETS_MAX and DOMAIN_NAME.fullmatch(domain)
    return domain.lower() if fits else ""


def _certain_domain(mailbox: str) -> str:
    """As ``_domain``, of what nobody can read in two ways; one beyond ASCII by its A-labels (RFC 6532)."""
    if mailbox.count("<") > 1 or ("<" not in mailbox and mailbox.count("@") > 1):
        return ""
    found = _ANGLE.search(mailbox)
    text = (found[1] if found else mailbox.partition("@")[2]).strip()
    if text.isascii():
        return _domain(mailbox)
    try:
        return a_labels(text.encode("latin-1").decode("utf-8"))
    except ValueError:
        return ""


def _outside(text: str) -> str:
    """*text* without comments, which may nest, and with a mark for each quoted string: no mailbox is in either."""
    kept, depth, at = [], 0, 0
    while match := (_TOKEN_OF_COMMENT if depth else _TOKEN).match(text, at):
        token, at = match[0], match.end()
        if token == "(":
            depth += 1
        elif depth:
            depth -= token == ")"
        else:
            kept.append("!" if token[0] == '"' and len(token) > 1 else token)
    return "".join(kept)
