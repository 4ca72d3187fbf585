"""Options of DKIM signing: the module opendkim, its scopes dkim_domain, and OpenDKIM_Sign of outbound scopes."""

from __future__ import annotations

import re

from momentum_trio.config.kind import (
    BOOLEAN,
    SECONDS,
    STRING,
    integer_between,
    one_of,
    quoted,
    show_list,
    word_of,
    words_of,
)
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import OUTBOUND, scopes
from momentum_trio.config.value import Value
from momentum_trio.mail.path import DOMAIN_NAME, DOMAIN_OCTETS_MAX

OPENDKIM = scopes("opendkim")
DKIM_DOMAIN = scopes("dkim_domain")
BOTH = OPENDKIM | DKIM_DOMAIN

UNSIGNED, DEFERRED = "unsigned", "defer"

SIGNED_NAMES = (
    "from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version", "content-type",
    "content-transfer-encoding", "content-id", "content-description", "resent-date", "resent-from", "resent-sender",
    "resent-to", "resent-cc", "resent-message-id", "in-reply-to", "references", "list-id", "list-help",
    "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner", "list-archive",
)  # fmt: skip
"""What RFC 6376 section 5.4.1 proposes."""

GUARDED_NAMES = (
    "from", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version", "content-type",
    "content-transfer-encoding",
)  # fmt: skip
"""Of a second one of these some reader would show or obey the wrong one (section 8.15)."""

_FIELD_NAME = re.compile(r"[!-9;-~]+")
_LIST_SEPARATOR = re.compile(r"[\s,]+")


def _names(value: Value) -> tuple[str, ...]:
    expected = "a list of header field names such as ( From Subject Date )"
    names = [name.lower() for text in words_of(value, expected) for name in _LIST_SEPARATOR.split(text) if name]
    for name in names:
        if not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"expected {expected}; '{name}' is none")
    return tuple(dict.fromkeys(names))


def _names_with_from(value: Value) -> tuple[str, ...]:
    if "from" not in (names := _names(value)):
        raise ValueError("expected a list with From in it: without it a signature is not valid (RFC 6376 section 5.4)")
    return names


def _names_without_from(value: Value) -> tuple[str, ...]:
    if "from" in (names := _names(value)):
        raise ValueError("expected a list without From: that is always signed (RFC 6376 section 5.4)")
    return names


def _template(value: Value) -> str:
    text = word_of(value, expected := "a path in which %{d} is the signing domain and %{s} the selector")
    if "%" in text.replace("%{d}", "").replace("%{s}", "") or "\0" in text or not text:
        raise ValueError(f"expected {expected}")
    return text


def _selectors(value: Value) -> tuple[str, ...]:
    expected = "a selector such as s2048, or a list of them"
    selectors = words_of(value, expected)
    if not selectors or not all(DOMAIN_NAME.fullmatch(selector) for selector in selectors):
        raise ValueError(f"expected {expected}")
    return tuple(dict.fromkeys(selectors))


def _domain(value: Value) -> str:
    text = word_of(value, "a domain").lower()
    if not DOMAIN_NAME.fullmatch(text) or len(text) > DOMAIN_OCTETS_MAX:
        raise ValueError("expected a domain")
    return text


def _digest(value: Value) -> str:
    if word_of(value, "rsa-sha256 or ed25519-sha256").lower() == "rsa-sha1":
        raise ValueError("expected rsa-sha256 or ed25519-sha256: signatures with SHA-1 are worth nothing (RFC 8301)")
    return _DIGEST.parse(value)


def _no_limit(value: Value) -> bool:
    if BOOLEAN.parse(value):
        raise ValueError("expected false: l= lets anybody add to a signed message, and is not offered")
    return False


FIELD_NAMES = Kind("string-list", _names, show_list)
SIGNED_FIELD_NAMES = Kind("string-list", _names_with_from, show_list)
SKIPPED_FIELD_NAMES = Kind("string-list", _names_without_from, show_list)
KEY_PATH = Kind("path", _template, quoted)
SELECTORS = Kind("string-list", _selectors, show_list)
SIGNING_DOMAIN = Kind("string", _domain, quoted)
_DIGEST = one_of("rsa-sha256", "ed25519-sha256")
DIGEST = Kind(_DIGEST.name, _digest, quoted)
CANON = one_of("simple", "relaxed")
NO_LIMIT = Kind("boolean", _no_limit, BOOLEAN.show)
HOURS = integer_between(0, 24 * 366 * 10, unit="hours")


class OutboundSigningOptions(Options):
    """Whether mail of an outbound scope is signed."""

    signs = Option(
        "OpenDKIM_Sign",
        BOOLEAN,
        True,
        OUTBOUND,
        "Sign, where an opendkim scope has a Dkim_Domain for the author's domain. Acts from the next connection on.",
    )


class DkimModuleOptions(Options):
    """What one opendkim scope as a whole says."""

    enabled = Option("enabled", BOOLEAN, True, OPENDKIM, "Whether this module signs anything.")
    key_cache_max = Option(
        "keycache_size", integer_between(1, 1_000_000), 2048, OPENDKIM, "Keys that are held, of all opendkim scopes."
    )
    names = Option(
        "headerlist",
        SIGNED_FIELD_NAMES,
        SIGNED_NAMES,
        OPENDKIM,
        "Header fields that are signed, every one of each name, in this order.",
    )
    guarded_names = Option(
        "oversign_headerlist",
        FIELD_NAMES,
        GUARDED_NAMES,
        OPENDKIM,
        "Header fields that are signed once more than they are there, so that nobody can add one.",
    )
    skipped_names = Option(
        "skip_headerlist", SKIPPED_FIELD_NAMES, (), OPENDKIM, "Header fields that are not signed after all."
    )
    lifetime_hours = Option("lifetime", HOURS, 0, OPENDKIM, "Hours after which a signature expires (x=); 0: never.")
    copies_fields = Option(
        "copy_headers", BOOLEAN, False, OPENDKIM, "Stored only: no field is copied into the signature (z=)."
    )


class DkimDomainOptions(Options):
    """How mail of one author's domain is signed: of its dkim_domain scope, else of the opendkim scope around it."""

    base_domain = Option(
        "base_domain",
        SIGNING_DOMAIN,
        "",
        DKIM_DOMAIN,
        "The domain that signs (d=); empty: the one that the scope is named after.",
    )
    selectors = Option(
        "selector", SELECTORS, (), BOTH, "Where the public key is: SELECTOR._domainkey.DOMAIN. Of several each signs."
    )
    key_path = Option(
        "key",
        KEY_PATH,
        "",
        BOTH,
        "File of the private key, PEM, RSA of 1024 to 4096 bits or Ed25519: %{d} %{s} as used.",
    )
    digest = Option(
        "digest", DIGEST, "", BOTH, "The algorithm that the key has to be for; empty: RSA or Ed25519, as the key is."
    )
    header_canon = Option("header_canon", CANON, "simple", BOTH, "Canonical form of header fields.")
    body_canon = Option("body_canon", CANON, "simple", BOTH, "Canonical form of the body.")
    body_length_limit = Option("body_length_limit", NO_LIMIT, False, BOTH, "Stored only: false, l= is not offered.")
    condition = Option(
        "sign_condition",
        STRING,
        "",
        BOTH,
        "A key that the message context must have for the message to be signed; empty: none.",
    )
    kept_seconds = Option(
        "pos_keycache_ttl", SECONDS, 300.0, BOTH, "How long a key is used before its file is looked at again."
    )
    missing_seconds = Option(
        "neg_keycache_ttl", SECONDS, 60.0, BOTH, "How long a key that cannot be had is not asked for again."
    )
    testing = Option("testing", BOOLEAN, False, BOTH, "Stored only: t=y stands in the DNS record, not in signatures.")
    key_cache_max = Option(
        "key_cache_size", integer_between(0, 1_000_000), 2048, DKIM_DOMAIN, "Stored only: keycache_size holds for all."
    )
    signs_subdomains = Option(
        "sign_subdomains",
        BOOLEAN,
        False,
        BOTH,
        "Sign also mail from subdomains that have no Dkim_Domain of their own.",
        ours=True,
    )
    on_failure = Option(
        "sign_failure",
        one_of(UNSIGNED, DEFERRED),
        UNSIGNED,
        BOTH,
        "Mail that cannot be signed goes unsigned, or is deferred; the paniclog says why either way.",
        ours=True,
    )
