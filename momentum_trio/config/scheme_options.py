"""Options of secrets in databases: the scopes auth_ds and Datasource, and Authenticate in a Scheme of auth_ds."""

from __future__ import annotations

import re

from momentum_trio.config.kind import BOOLEAN, DICTIONARY, INTEGER, SECONDS, STRING, STRINGS, integer_between, one_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value, Word

DATASOURCE = scopes("datasource")
AUTHENTICATE = scopes("authenticate")

CLEAR, HASH, DIGEST = "clear", "hash", "digest-md5"
USERNAME, PASSWORD, REALM, URI, CRYPT = "username", "password", "realm", "uri", "crypt"
_WORDS = (USERNAME, PASSWORD, REALM, URI, CRYPT)
_TEMPLATE_WORD = re.compile(r"%\{([^}]*)\}")
_FORM = one_of(CLEAR, HASH, DIGEST)


def expanded(template: str, words: dict[str, str]) -> str:
    """*template* with the words it names, as they are: what comes is bound to a query, never put into one."""
    return _TEMPLATE_WORD.sub(lambda found: words[found[1]], template)


def _templates(value: Value) -> tuple[tuple[str, str], ...]:
    pairs = DICTIONARY.parse(value)
    if not all(word in _WORDS for _, template in pairs for word in _TEMPLATE_WORD.findall(template)):
        raise ValueError(f"expected templates with {', '.join(f'%{{{word}}}' for word in _WORDS)}")
    return pairs


def _forms(value: Value) -> tuple[tuple[str, str], ...]:
    return tuple((key, _FORM.parse(Word(form))) for key, form in DICTIONARY.parse(value))


class AuthDsOptions(Options):
    """One auth_ds."""

    enabled = Option("enabled", BOOLEAN, True, scopes("auth_ds"), "Whether its schemes can be used.")


class DatasourceOptions(Options):
    """One Datasource: where its data are, and how long answers are known."""

    uris = Option(
        "uri",
        STRINGS,
        (),
        DATASOURCE,
        "One, sqlite:/PATH. There are no other drivers yet: a mechanism of AUTH that wants one is not offered.",
        secret=True,
    )
    kept_seconds = Option("cache_life", SECONDS, 60.0, DATASOURCE, "How long an answer with a row in it is known.")
    kept_max = Option("cache_size", integer_between(1, 100_000), 1000, DATASOURCE, "How many answers are known.")
    forgets = Option("no_cache", BOOLEAN, False, DATASOURCE, "Ask each time.")
    rows_max = Option("max_rows", INTEGER, 100, DATASOURCE, "Stored only: the first row is all that is wanted.")
    serialized = Option("serialized", BOOLEAN, False, DATASOURCE, "Stored only: an answer is known on its own node.")
    pool = Option("pool", STRING, "", DATASOURCE, "Stored only: queries have workers of their own.")
    charset = Option("assume_charset", STRING, "", DATASOURCE, "Stored only: SQLite has UTF-8.")


class AuthenticateOptions(Options):
    """How one Scheme finds out what is kept of a user's password, or whether it is right."""

    query = Option("query", STRING, "", AUTHENTICATE, "A SELECT whose parameters are :NAME, @NAME or $NAME.")
    datasource = Option("cache", STRING, "", AUTHENTICATE, "The Datasource that is asked.")
    parameters = Option(
        "map",
        Kind("dictionary", _templates, DICTIONARY.show),
        (),
        AUTHENTICATE,
        "What each parameter is bound to: a text with %{username}, %{password} (of PLAIN and LOGIN alone), %{realm}, "
        "%{uri} or %{crypt} (clear, hmac_md5, digest-md5) in it.",
    )
    returns_password = Option(
        "returns_password",
        BOOLEAN,
        False,
        AUTHENTICATE,
        "The first row has what is kept of the password. Else its first column says whether it is right, by a number "
        "other than 0, and only PLAIN and LOGIN are offered.",
    )
    password_column = Option("password_column", STRING, "", AUTHENTICATE, "Where it is; else in the first column.")
    form = Option(
        "type",
        _FORM,
        CLEAR,
        AUTHENTICATE,
        "What is kept: the password (clear), a hash by ec_md5passwd --hash (hash), or MD5 of user:realm:password "
        "in hex (digest-md5). CRAM-MD5 wants clear, DIGEST-MD5 clear or digest-md5.",
    )
    form_column = Option("type_column", STRING, "", AUTHENTICATE, "The column that has a key of type_map.")
    forms = Option(
        "type_map",
        Kind("dictionary", _forms, DICTIONARY.show),
        (),
        AUTHENTICATE,
        "The type that each value of type_column stands for.",
    )
