"""Which events somebody wants: by what they are of. Looked at as records, so that what nobody wants is not rendered.

Of one criterion any value is enough; of several each has to hold. An event that has no such thing (a session has no
domain) is not wanted where one is asked for. A filter leaves events out, and never changes their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import fields

from momentum_trio.mail.path import domain_of
from momentum_trio.mail.record import (
    Authenticated,
    Authorized,
    Delivered,
    Failed,
    ListenClosed,
    ListenOpened,
    MessageRecord,
    Received,
    Record,
    Rejected,
    SessionBegan,
    SessionEnded,
)
from momentum_trio.net.netblock import Address, Netblock, parse_address
from momentum_trio.protocol.events.event import EVENTS, Bounce, Gap, Transient, word_of
from momentum_trio.protocol.events.render import TOLD

VALUES_MAX = 50
"""Of one criterion."""
VALUE_CHARACTERS_MAX = 320

Text = Annotated[str, Meta(min_length=1, max_length=VALUE_CHARACTERS_MAX)]
Values = Annotated[tuple[Text, ...], Meta(max_length=VALUES_MAX)]

TYPES = frozenset(word_of(kind) for kind in EVENTS) - {word_of(Gap)}
LISTENERS: Mapping[str, str] = MappingProxyType(
    {
        "control": "control_listener",
        "eccluster": "eccluster_listener",
        "ecstream": "ecstream_listener",
        "esmtp": "esmtp_listener",
        "smtp": "esmtp_listener",
        "http": "http_listener",
        "rest": "http_listener",
        "msgc": "msgcserver_listener",
        "msgcserver": "msgcserver_listener",
    }
)
"""By services and protocols, as records have them, in lower case."""


class Filter(Struct, frozen=True, forbid_unknown_fields=True):
    """What is wanted; all of it where nothing is said. Gaps are always told."""

    type: Annotated[Values, Meta(description="Types of events.")] = ()
    listener: Annotated[Values, Meta(description="Listeners: ESMTP_Listener, ...")] = ()
    domain: Annotated[Values, Meta(description="Domains of senders or recipients, or that mail was routed by.")] = ()
    address: Annotated[Values, Meta(description="Addresses of senders or recipients.")] = ()
    peer: Annotated[Values, Meta(description="IP addresses or blocks of the other side: 10.0.0.0/8.")] = ()
    connection: Annotated[Values, Meta(description="Connection ids.")] = ()
    message: Annotated[Values, Meta(description="Message or batch ids.")] = ()


CRITERIA = tuple(field.name for field in fields(Filter))


def filter_of(pairs: Iterable[tuple[str, str]]) -> Filter:
    """The filter that *pairs* of criterion and value make, several of one name or with commas between. ValueError."""
    wanted: dict[str, list[str]] = {}
    for name, text in pairs:
        if name not in CRITERIA:
            raise ValueError(f"there is no criterion '{name}': {', '.join(CRITERIA)}")
        values = wanted.setdefault(name, [])
        values += filter(None, map(str.strip, text.split(",")))
        if len(values) > VALUES_MAX or max(map(len, values), default=0) > VALUE_CHARACTERS_MAX:
            raise ValueError(f"{name}: at most {VALUES_MAX} values of {VALUE_CHARACTERS_MAX} characters")
    return Filter(**{name: tuple(values) for name, values in wanted.items()})


class Sieve:
    """A filter at work. Raises ValueError for a type or a listener that there is not, or no block of addresses."""

    def __init__(self, wanted: Filter) -> None:
        self.filter = wanted
        self._types = frozenset(map(str.lower, wanted.type))
        if unknown := sorted(self._types - TYPES):
            raise ValueError(f"there are no events of type '{unknown[0]}'")
        self._records = frozenset(kind for kind in TOLD if not self._types or words_of(kind) & self._types)
        self._asked = tuple(self._criteria(wanted))

    def wants(self, record: Record) -> bool:
        """Whether whoever asked is to be told of *record*: its type and all conditions fit."""
        if type(record) not in self._records:
            return False
        if self._types and isinstance(record, Failed) and _word_of(record) not in self._types:
            return False
        return all(asked(record) for asked in self._asked)

    def _criteria(self, wanted: Filter) -> Iterable[Callable[[Record], bool]]:
        if wanted.listener:
            listeners = frozenset(map(str.lower, wanted.listener))
            if unknown := sorted(listeners - set(LISTENERS.values())):
                raise ValueError(f"there is no listener '{unknown[0]}'")
            yield lambda record: listener_of(record) in listeners
        if wanted.domain:
            domains = frozenset(map(str.lower, wanted.domain))
            yield lambda record: not domains.isdisjoint(domains_of(record))
        if wanted.address:
            addresses = frozenset(map(str.lower, wanted.address))
            yield lambda record: not addresses.isdisjoint(addresses_of(record))
        if wanted.peer:
            blocks = tuple(map(Netblock.parse, wanted.peer))
            yield lambda record: _is_in(peer_of(record), blocks)
        if wanted.connection:
            connections = frozenset(wanted.connection)
            yield lambda record: connection_of(record) in connections
        if wanted.message:
            messages = frozenset(wanted.message)
            yield (
                lambda record: (
                    isinstance(record, MessageRecord) and (record.message_id in messages or record.batch_id in messages)
                )
            )


def words_of(kind: type[Record]) -> frozenset[str]:
    """The types of the events that records of *kind* can become."""
    return frozenset(map(word_of, TOLD[kind].kinds))


def _word_of(record: Failed) -> str:
    return word_of(Bounce if record.permanent else Transient)


def listener_of(record: Record) -> str:
    """The listener that *record* is of, its scope's name in lower case; empty where it is of none."""
    match record:
        case Received() | Rejected():
            return LISTENERS.get(record.protocol.lower(), "")
        case SessionBegan() | SessionEnded():
            return LISTENERS.get(record.service.lower(), "")
        case ListenOpened() | ListenClosed():
            return record.listener.lower()
    return ""


def domains_of(record: Record) -> tuple[str, ...]:
    """The domains that *record* is of, in lower case."""
    if not isinstance(record, MessageRecord):
        return ()
    domains = domain_of(record.forward_path).lower(), domain_of(record.reverse_path).lower()
    return (*domains, record.routing_domain.lower()) if isinstance(record, Delivered | Failed) else domains


def addresses_of(record: Record) -> tuple[str, ...]:
    """The mailboxes that *record* is of, in lower case."""
    return (record.forward_path.lower(), record.reverse_path.lower()) if isinstance(record, MessageRecord) else ()


def peer_of(record: Record) -> Address | None:
    """The IP address of the other side."""
    match record:
        case Received() | Delivered() | Failed():
            return _address(record.peer_address)
        case Rejected():
            return _address(record.remote)
        case SessionBegan() | Authenticated() | Authorized():
            return _address(record.peer)
    return None


def connection_of(record: Record) -> str:
    """The connection that *record* is of."""
    match record:
        case MessageRecord() | Rejected() | SessionBegan() | SessionEnded():
            return record.connection_id
    return ""


def _address(text: str) -> Address | None:
    """The address in ``192.0.2.1``, ``192.0.2.1:25``, ``[2001:db8::1]:25``, ``2001:db8::1``."""
    for bare in (text, text.rpartition(":")[0]):
        try:
            return parse_address(bare)
        except ValueError:
            continue
    return None


def _is_in(address: Address | None, blocks: tuple[Netblock, ...]) -> bool:
    return address is not None and any(block.contains(address) for block in blocks)
