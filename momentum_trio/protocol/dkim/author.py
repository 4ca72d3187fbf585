"""The author's domain: that of the first mailbox in From (RFC 5322 section 3.6.2), which a signature answers for."""

from __future__ import annotations

import re

from momentum_trio.mail.path import DOMAIN_NAME, DOMAIN_OCTETS_MAX

_FIELD_OCTETS_MAX = 8192  # a longer From field has no author that is looked for
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^"\\()]+|\\.|.', re.DOTALL)
_TOKEN_OF_COMMENT = re.compile(r"[^\\()]+|\\.|.", re.DOTALL)
_ANGLE = re.compile(r"<[^<>@]*@([^<>@]*)>")
_BARE = re.compile(r"[^\s,;:<>@]+[ \t]*@[ \t]*([^\s,;:<>@]+)")


def author_domain(field: bytes) -> str:
    """The domain, in lower case, of the first mailbox in the From *field*; empty when none can be told for certain."""
    if len(field) > _FIELD_OCTETS_MAX:
        return ""
    text = field.partition(b":")[2].decode("latin-1").replace("\r\n", "")
    first = _outside(text).partition(",")[0]
    found = _ANGLE.search(first) or ("<" not in first and _BARE.search(first))
    if not found:
        return ""
    domain = found[1].strip()
    fits = len(domain) <= DOMAIN_OCTETS_MAX and DOMAIN_NAME.fullmatch(domain)
    return domain.lower() if fits else ""


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
