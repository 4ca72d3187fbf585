"""What happened, as it is told to others: one JSON object an event (docs/events.md).

A record (mail/record.py) is ours and may change; an event is a promise to programs of others. Fields are added, and
never renamed. What is here is all there is: secrets are in no record, so they can be in no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

MessageId = Annotated[str, Meta(description="Of the message: one recipient of what a client sent.")]
BatchId = Annotated[str, Meta(description="Of all messages that came in one mail transaction.")]
ConnectionId = Annotated[str, Meta(description="Of the connection.")]
ForwardPath = Annotated[str, Meta(description="The recipient, local-part@domain.")]
ReversePath = Annotated[str, Meta(description="The sender; empty for the null reverse-path.")]
Binding = Annotated[str, Meta(description="Through which it goes out.")]
BindingGroup = Annotated[str, Meta(description="Of the binding; empty where it is in none.")]
RoutingDomain = Annotated[str, Meta(description="The domain whose hosts are looked up.")]
PeerAddress = Annotated[str, Meta(description="The IP address of the other side; empty where there was none.")]
Retries = Annotated[int, Meta(description="Attempts before this one.", ge=0)]
Age = Annotated[float, Meta(description="Seconds since reception.")]
Service = Annotated[str, Meta(description="SMTP, ECStream, HTTP, Control, ...")]
Endpoint = Annotated[str, Meta(description="The Listen.")]
Peer = Annotated[str, Meta(description="address:port of the client; empty on a Unix socket.")]
User = Annotated[str, Meta(description="Who; empty for nobody in particular.")]


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """One event. The other fields are those of its type."""

    cursor: Annotated[str, Meta(description="Of this event: the stream goes on behind it.")]
    time: Annotated[float, Meta(description="When it happened, Unix seconds.")]


class MessageEvent(Event, frozen=True, kw_only=True):
    """About one message."""

    message_id: MessageId
    batch_id: BatchId
    connection_id: ConnectionId
    forward_path: ForwardPath
    reverse_path: ReversePath
    binding_group: BindingGroup
    binding: Binding


class Reception(MessageEvent, frozen=True, kw_only=True, tag="reception"):
    """Custody of a message was taken."""

    peer_address: PeerAddress
    octets: Annotated[int, Meta(description="Of the content as stored.")]
    protocol: Annotated[str, Meta(description="esmtp, ecstream, rest, ...")]


class Delivery(MessageEvent, frozen=True, kw_only=True, tag="delivery"):
    """A message was handed on: it is somebody else's."""

    routing_domain: RoutingDomain
    octets: Annotated[int, Meta(description="Of the content.")]
    retries: Retries
    age_seconds: Age
    peer_address: PeerAddress


class Transfer(Delivery, frozen=True, kw_only=True, tag="transfer"):
    """A message was handed on to another node of the cluster."""


class Transient(MessageEvent, frozen=True, kw_only=True, tag="transient"):
    """An attempt failed; there may be others."""

    routing_domain: RoutingDomain
    octets: Annotated[int, Meta(description="Sent in this attempt.")]
    stage: Annotated[int, Meta(description="Of SMTP, in which it failed, as the mainlog numbers them.")]
    retries: Retries
    age_seconds: Age
    peer_address: PeerAddress
    reason: Annotated[str, Meta(description="What the other side said, or [internal] and why.")]
    bounce_class: Annotated[int, Meta(description="The classification, as the bouncelog numbers it.")]
    bounce_category: Annotated[str, Meta(description="Hard, Soft, Block, Admin or Undetermined.")]


class Bounce(Transient, frozen=True, kw_only=True, tag="bounce"):
    """A message was given up."""


class Rejection(Event, frozen=True, kw_only=True, tag="rejection"):
    """A client was refused, or told to come again."""

    remote: Annotated[str, Meta(description="address:port of the client, or the path of a Unix socket.")]
    local: Annotated[str, Meta(description="The same of our end.")]
    connection_id: ConnectionId
    protocol: Annotated[str, Meta(description="esmtp, ecstream, rest, ...; the service where none was spoken yet.")]
    pathway: Annotated[str, Meta(description="That the client is on.")]
    pathway_group: Annotated[str, Meta(description="Of the pathway.")]
    phase: Annotated[str, Meta(description="connect, ehlo, mailfrom, rcptto, data, ...")]
    code: Annotated[int, Meta(description="Of the reply.")]
    module: Annotated[str, Meta(description="The check or part that decided.")]
    text: Annotated[str, Meta(description="Of the reply.")]
    connection_context: Annotated[Mapping[str, str], Meta(description="What is known of the connection.")]
    message_context: Annotated[Mapping[str, str], Meta(description="What is known of the message.")]


class SessionBegin(Event, frozen=True, kw_only=True, tag="session_begin"):
    """A connection was accepted."""

    service: Service
    connection_id: ConnectionId
    endpoint: Endpoint
    peer: Peer


class SessionEnd(Event, frozen=True, kw_only=True, tag="session_end"):
    """A connection is over."""

    service: Service
    connection_id: ConnectionId
    octets_received: Annotated[int, Meta(description="From the client.")]
    octets_sent: Annotated[int, Meta(description="To him.")]
    why: Annotated[str, Meta(description="quit, closed, idle, drain or fault.")]


class ListenOpen(Event, frozen=True, kw_only=True, tag="listen_open"):
    """A socket was bound."""

    listener: Annotated[str, Meta(description="ESMTP_Listener, ...")]
    endpoint: Annotated[str, Meta(description="As bound.")]


class ListenClose(ListenOpen, frozen=True, kw_only=True, tag="listen_close"):
    """A socket was closed; sessions may go on."""


class Configuration(Event, frozen=True, kw_only=True, tag="configuration"):
    """A new generation of the configuration holds."""

    generation: Annotated[int, Meta(description="Its number, from 1 in each life of the node.")]
    changes: Annotated[tuple[str, ...], Meta(description="The set and unset lines, secrets masked; the first 100.")]


class Panic(Event, frozen=True, kw_only=True, tag="panic"):
    """A line of the paniclog."""

    level: Annotated[str, Meta(description="DEBUG, INFO, NOTICE, WARNING, ERROR or CRITICAL.")]
    text: Annotated[str, Meta(description="At most 4096 characters of it.")]


class Import(Event, frozen=True, kw_only=True, tag="import"):
    """A message of another spool was looked at."""

    old_id: Annotated[str, Meta(description="What it was called there.")]
    new_id: Annotated[str, Meta(description="What it is called here; empty where it was not taken.")]
    result: Annotated[str, Meta(description="taken, envelope_unreadable, content_unreadable or not_written.")]
    directory: Annotated[str, Meta(description="Of the other spool.")]


class Authentication(Event, frozen=True, kw_only=True, tag="authentication"):
    """Somebody proved who he is, or did not."""

    endpoint: Endpoint
    peer: Peer
    user: User
    accepted: Annotated[bool, Meta(description="Whether he did.")]
    expired: Annotated[bool, Meta(description="Whether he had not done so in time.")]


class Authorization(Event, frozen=True, kw_only=True, tag="authorization"):
    """A command was asked for."""

    endpoint: Endpoint
    peer: Peer
    user: User
    accepted: Annotated[bool, Meta(description="Whether it was allowed.")]
    command: Annotated[str, Meta(description="It, secrets masked.")]
    role: Annotated[str, Meta(description="That allowed it; empty where none had to.")]


class Gap(Event, frozen=True, kw_only=True, tag="gap"):
    """Events are missing here: those behind the place that was asked for, up to this one's cursor."""

    reason: Annotated[
        str,
        Meta(
            description="expired: too much has happened since; other_life: the node was started since; stopped: it "
            "ended before without keeping all for this webhook; lost: they waited for this webhook, and were dropped, "
            "since too many did, or cannot be read any more."
        ),
    ]
    missing: Annotated[int | None, Meta(description="How many, of all types; null where nobody knows.")]


EVENTS: tuple[type[Event], ...] = (
    Reception,
    Delivery,
    Transfer,
    Transient,
    Bounce,
    Rejection,
    SessionBegin,
    SessionEnd,
    ListenOpen,
    ListenClose,
    Configuration,
    Panic,
    Import,
    Authentication,
    Authorization,
    Gap,
)
"""All types there are."""

AnyEvent = (
    Reception
    | Delivery
    | Transfer
    | Transient
    | Bounce
    | Rejection
    | SessionBegin
    | SessionEnd
    | ListenOpen
    | ListenClose
    | Configuration
    | Panic
    | Import
    | Authentication
    | Authorization
    | Gap
)
"""The same, as JSON is decoded by."""


def word_of(kind: type[Event]) -> str:
    """The type of *kind* as its ``type`` has it."""
    word = kind.__struct_config__.tag
    assert isinstance(word, str)
    return word
