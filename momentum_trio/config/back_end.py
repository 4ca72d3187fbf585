"""Where secrets and memberships are kept: the values of the Auth*Parameters and of AuthorizationParameters.

``[ uri = "digest:///etc/console_passwd" realm = "x" log_authentication = "true" ]``. Of files there are ``file``
(``user:password``), ``hashed`` (``user:hash``), ``digest`` (htdigest) and ``groups``; any other scheme is one of
auth_ds, of mail alone, or somebody else's, and is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from momentum_trio.config.kind import BOOLEAN, WORD_COMPARED_MAX, quoted
from momentum_trio.config.option import Kind
from momentum_trio.config.secret_query import SecretQuery
from momentum_trio.config.value import Dictionary, Value, Word

HASHED = "hashed"
FILE_SCHEMES = ("digest", "file", "groups")
"""Of files whose lines can be read as they are."""
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+)://(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BackEnd:
    """One back end. scheme: of its uri; path: what follows ``scheme://``, absolute where the scheme is of a file.

    realm: empty where the configuration leaves it to the mechanism. stored_cleartext: a digest file holds passwords.
    log_authentication: whether acctlog tells of those who proved who they are (spec/console.md section 4).
    query: what asks a database, where mail resolved the scheme to one.
    """

    scheme: str
    path: str
    realm: str = ""
    stored_cleartext: bool = False
    log_authentication: bool = False
    query: SecretQuery | None = None

    @property
    def is_built(self) -> bool:
        """Whether the console has it; the schemes of modules (``ecauth``, ``radius``) are known and not built."""
        return self.scheme in FILE_SCHEMES

    @property
    def is_file(self) -> bool:
        """Whether it is a file that mail has."""
        return self.is_built or self.scheme == HASHED

    @property
    def uri(self) -> str:
        """``digest:///etc/console_passwd``."""
        return f"{self.scheme}://{self.path}"


def back_end(file_schemes: tuple[str, ...], *keys: str) -> Kind[BackEnd | None]:
    """A dictionary whose ``uri`` is a file of *file_schemes*, or has a scheme of a module. keys: what may be beside."""

    def parse(value: Value) -> BackEnd:
        pairs = _pairs(value, ("uri", *keys))
        scheme, path = _uri(pairs.get("uri", ""), file_schemes)
        is_clear, is_logged = (
            BOOLEAN.parse(Word(pairs.get(key, "false"))) for key in ("stored_cleartext", "log_authentication")
        )
        return BackEnd(scheme, path, _realm(pairs.get("realm", "")), is_clear, is_logged)

    return Kind("dictionary", parse, _show)


def _pairs(value: Value, keys: tuple[str, ...]) -> dict[str, str]:
    if not isinstance(value, Dictionary):
        raise ValueError('expected a dictionary [ uri = "scheme://..." ]')
    pairs = {key.lower(): word.text for key, word in value.pairs}
    for key in pairs:
        if key not in keys:
            raise ValueError(f"expected {', '.join(keys)}, not '{key[:WORD_COMPARED_MAX]}'")
    return pairs


def _uri(text: str, file_schemes: tuple[str, ...]) -> tuple[str, str]:
    found = _URI.fullmatch(text)
    scheme, path = ("", "") if found is None else (found[1].lower(), found[2])
    is_file = scheme in (*FILE_SCHEMES, HASHED)
    misplaced = is_file and (scheme not in file_schemes or not path.startswith("/") or "\0" in path)
    if not scheme or misplaced:
        expected = " or ".join(f'"{scheme}:///path"' for scheme in file_schemes)
        raise ValueError(f"expected uri = {expected} or the scheme of a module")
    return scheme, path


def _realm(text: str) -> str:
    if ":" in text or not text.isprintable():
        raise ValueError("a realm holds no ':' and no control character")
    return text


def _show(held: BackEnd | None) -> str:
    if held is None:
        return ""
    said = {"uri": held.uri, "realm": held.realm}
    said |= {key: "true" for key in ("stored_cleartext", "log_authentication") if getattr(held, key)}
    return "[\n" + "".join(f"  {key} = {quoted(text)}\n" for key, text in said.items() if text) + "]"
