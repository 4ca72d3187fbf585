"""Options of the ``cluster`` module about durable logs, and of the ``Logs`` scope of whoever gathers them."""

from __future__ import annotations

from momentum_trio.config.kind import COUNT, MODE, SECONDS, STRINGS, quoted, show_list, word_of
from momentum_trio.config.log_place import is_subscriber
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Dictionary, Value
from momentum_trio.protocol.cluster.eccluster import LOGS_MAX
from momentum_trio.protocol.cluster.log_path import check_template

CLUSTER, LOGS, NODE = scopes("cluster"), scopes("logs"), scopes("node")
NAME_LENGTH_MAX = 64
PATHS = ("rejectlog", "paniclog", "mainlog", "acctlog", "bouncelog")


def _published(value: Value) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Dictionary):
        raise ValueError('expected a dictionary [ mainlog = "/PATH" ... ]')
    pairs = tuple((key, word.text.rstrip("/")) for key, word in value.pairs)
    if len(pairs) > LOGS_MAX or any(len(key) > NAME_LENGTH_MAX for key, _ in pairs):
        raise ValueError(f"expected at most {LOGS_MAX} logs, with names of at most {NAME_LENGTH_MAX} characters")
    for key, path in pairs:
        if not path.startswith("/"):
            raise ValueError(f"expected the path of a folder for {key}, as behind cluster://")
    return pairs


def _show(pairs: tuple[tuple[str, str], ...]) -> str:
    return "[\n" + "".join(f"  {key} = {quoted(path)}\n" for key, path in pairs) + "]"


def _template(value: Value) -> str:
    check_template(text := word_of(value, "a path with %Y, %m, %d, %H, %{l}, %{n}, %{s}"))
    return text


def _names(value: Value) -> tuple[str, ...] | None:
    if not all(map(is_subscriber, names := STRINGS.parse(value))):
        raise ValueError("expected subscribers: words")
    return names


PUBLISHED: Kind[tuple[tuple[str, str], ...]] = Kind("dictionary", _published, _show)
TEMPLATE: Kind[str] = Kind("string", _template, quoted)
SUBSCRIBERS: Kind[tuple[str, ...] | None] = Kind("string-list", _names, lambda names: show_list(names or ()))


class PublishedOptions(Options):
    """What a node lets others gather, and how often a manager asks."""

    logs = Option(
        "logs",
        PUBLISHED,
        tuple((name, f"/var/log/ecelerity/{name}.cluster") for name in PATHS),
        CLUSTER,
        "Durable logs that others may gather: a name, and the path that stands behind cluster:// in the logger.",
    )
    active_interval = Option(
        "Log_Active_Interval", SECONDS, 1.0, CLUSTER, "Seconds between two pieces of a log that is being gathered."
    )
    idle_interval = Option(
        "Log_Idle_Interval", SECONDS, 10.0, CLUSTER, "Seconds before a log that had nothing new is looked at again."
    )


class GatheringOptions(Options):
    """Where a manager writes what it gathers."""

    logfile = Option(
        "Logfile",
        TEMPLATE,
        "/var/log/eccluster/%Y/%m/%d/%{l}/%{s}/%{n}",
        LOGS,
        "Where lines go: strftime's macros (of UTC), %{l} the log, %{n} its node, %{s} the node's subcluster.",
    )
    file_mode = Option("File_Mode", MODE, 0o640, LOGS, "Permission bits that gathered logs are made with.")
    dir_mode = Option("Dir_Mode", MODE, 0o755, LOGS, "Permission bits that their folders are made with.")
    open_max = Option("Max_Open", COUNT, 100, LOGS, "Gathered logs that are open at a time; 0: as many as there are.")
    idle_max = Option("Max_Idle", SECONDS, 60.0, LOGS, "Seconds after which one that is not written to is closed.")


class SubscriberOptions(Options):
    """As whom the logs of one node are gathered: ``Logs { Manager "m" { Node "n" { Subscriber = ( ... ) } } }``."""

    subscribers = Option(
        "Subscriber",
        SUBSCRIBERS,
        None,
        NODE,
        "Subscribers of which the first that a log has is used; (): this node's logs are not gathered.",
    )
