"""What a ``webhook "name"`` scope says of it (docs/events.md). In the file alone: it decides where data goes."""

from __future__ import annotations

from momentum_trio.config.kind import (
    DOMAINS,
    NETBLOCKS,
    OCTETS,
    PATH,
    STRINGS,
    integer_between,
    quoted,
    show_list,
    word_of,
    words_of,
)
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.net.url import EXPECTED, Url
from momentum_trio.protocol.events.filter import TYPES, VALUES_MAX

WEBHOOK = scopes("webhook")
SECONDS_MAX = 3_600
BATCH_EVENTS_MAX = 10_000
BACKLOG_OCTETS_MIN, BACKLOG_OCTETS_MAX = 1 << 20, 1 << 40
SECRET_OCTETS_MIN = 16
FIELD_CHARACTERS_MAX = 4_000
_SECONDS = integer_between(1, SECONDS_MAX, "time-seconds", "seconds")


def _url(value: Value) -> Url | None:
    text = word_of(value, EXPECTED)
    return Url.parse(text) if text else None


def _types(value: Value) -> tuple[str, ...]:
    words = tuple(word.lower() for word in words_of(value, "a list of types of events"))
    for word in words:
        if word not in TYPES:
            raise ValueError(f"expected types of events, not '{word}': {', '.join(sorted(TYPES))}")
    return words


def _domains(value: Value) -> tuple[str, ...]:
    if len(domains := DOMAINS.parse(value)) > VALUES_MAX:
        raise ValueError(f"expected at most {VALUES_MAX} domains")
    return domains


def _secrets(value: Value) -> tuple[str, ...]:
    secrets = STRINGS.parse(value)
    if any(len(secret.encode()) < SECRET_OCTETS_MIN for secret in secrets):
        raise ValueError(f"expected secrets of at least {SECRET_OCTETS_MIN} octets")
    return secrets


def _field(value: Value) -> str:
    text = word_of(value, expected := "the value of a field, such as Bearer TOKEN")
    if not text.isascii() or not text.isprintable() or text != text.strip() or len(text) > FIELD_CHARACTERS_MAX:
        raise ValueError(f"expected {expected}")
    return text


URL: Kind[Url | None] = Kind("string", _url, lambda url: quoted("" if url is None else str(url)))
EVENT_TYPES: Kind[tuple[str, ...]] = Kind("string-list", _types, show_list)
EVENT_DOMAINS: Kind[tuple[str, ...]] = Kind("domain-list", _domains, show_list)
FIELD: Kind[str] = Kind("string", _field, quoted)
SECRETS: Kind[tuple[str, ...]] = Kind("string-list", _secrets, show_list)


class WebhookOptions(Options):
    """What a ``webhook`` scope says: whom to tell, what of, and how long to wait."""

    url = Option(
        "URL",
        URL,
        None,
        WEBHOOK,
        "Where batches of events are posted: https://, or http:// to this host itself.",
        ours=True,
        file_only=True,
    )
    secrets = Option(
        "Signing_Secret",
        SECRETS,
        (),
        WEBHOOK,
        "What batches are signed with; several while one takes another's place: each makes a signature.",
        secret=True,
        ours=True,
        file_only=True,
    )
    authorization = Option(
        "Authorization",
        FIELD,
        "",
        WEBHOOK,
        "The Authorization field of its requests; none unless it is set.",
        secret=True,
        ours=True,
        file_only=True,
    )
    types = Option(
        "Events", EVENT_TYPES, (), WEBHOOK, "Types of the events that are told; empty: all.", ours=True, file_only=True
    )
    domains = Option(
        "Event_Domains",
        EVENT_DOMAINS,
        (),
        WEBHOOK,
        "Only events of mail from or to these domains; empty: all.",
        ours=True,
        file_only=True,
    )
    networks = Option(
        "Networks",
        NETBLOCKS,
        (),
        WEBHOOK,
        "Addresses that are not public, where it may nonetheless be. Loopback has to stand in the URL itself.",
        ours=True,
        file_only=True,
    )
    authorities = Option(
        "Authorities",
        PATH,
        "",
        WEBHOOK,
        "PEM file of those who may issue its certificate; those that this system trusts, unless it is set.",
        ours=True,
        file_only=True,
    )
    batch_events = Option(
        "Batch_Size",
        integer_between(1, BATCH_EVENTS_MAX),
        500,
        WEBHOOK,
        "Events in one batch, at most.",
        ours=True,
        file_only=True,
    )
    backlog_octets = Option(
        "Backlog_Size",
        integer_between(BACKLOG_OCTETS_MIN, BACKLOG_OCTETS_MAX, OCTETS.name, "octets"),
        64 << 20,
        WEBHOOK,
        "How much is kept for it on disk; beyond that the oldest events are dropped, and it is told so.",
        ours=True,
        file_only=True,
    )
    timeout = Option(
        "Timeout", _SECONDS, 30, WEBHOOK, "Seconds for one attempt, all in all.", ours=True, file_only=True
    )
    retry_interval = Option(
        "Retry_Interval",
        _SECONDS,
        1,
        WEBHOOK,
        "Seconds before the first new attempt; twice as long before each other one.",
        ours=True,
        file_only=True,
    )
    retry_interval_max = Option(
        "Retry_Interval_Max", _SECONDS, 300, WEBHOOK, "The longest such time.", ours=True, file_only=True
    )
