"""The configuration of a node: its files read through the machine, and what follows from it for sockets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address

from momentum_trio.cluster.plan import cluster_warnings
from momentum_trio.config.binding import Binding
from momentum_trio.config.check import LISTENER_KINDS
from momentum_trio.config.floating import address_of, floating
from momentum_trio.config.include import DirectoryListing, ErrorOfReading, Loader, Supply
from momentum_trio.config.kind import STRINGS
from momentum_trio.config.load import checked
from momentum_trio.config.manual import STORED_ONLY, state
from momentum_trio.config.merged import Scope
from momentum_trio.config.schema import Schema
from momentum_trio.config.scope import LISTENERS
from momentum_trio.config.source import FILE_OCTETS_MAX
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Position, Setting
from momentum_trio.console.authority import Peer, Refused, entry
from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.delivery.ecstream import Ecstream
from momentum_trio.delivery.maildir import Maildir
from momentum_trio.delivery.maildir_options import MaildirOptions
from momentum_trio.listener.accept import SocketTerms
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.control_terms import speaks_tls, terms_of
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import unoffered
from momentum_trio.listener.esmtp_terms import strangers
from momentum_trio.listener.http_terms import unoffered as http_unoffered
from momentum_trio.listener.kind import ListenerKind
from momentum_trio.listener.listen_options import ListenOptions
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import FileKind, ListDirectory, Stat
from momentum_trio.machine.whole_file import read_file
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.node.bus_plane import bus_warnings
from momentum_trio.node.reconcile import Place
from momentum_trio.node.tables import BUILT_METHODS
from momentum_trio.reception.reception_options import ReceptionOptions
from momentum_trio.webhook.configured import unused

UNREAD_SHOWN_MAX = 10
DOMAINS_TRIED_MAX = 1000
DOMAINS_SHOWN_MAX = 3
EXTENDED = ("esmtp_listener", "pathway", "pathway_group")  # where SMTP_Extensions may stand, in them or below
DEFAULT = "default"  # the binding group and the binding of mail that none was chosen for
_OTHERS_WRITE = 0o002
_ELSEWHERE = IPv4Address("192.0.2.1")  # any host but this one


async def read_configuration(
    machine: Machine, path: str, schema: Schema, instead: Mapping[str, bytes] | None = None
) -> ConfigTree:
    """The configuration at *path* with all it includes, checked. instead: octets of files as they are to become.

    Raises ConfigErrors with everything that is wrong.
    """
    loader = Loader.on_host(path, schema, machine.process.environment, machine.process.hostname)
    given = {} if instead is None else instead
    while wanted := loader.wanted():
        for name in wanted:
            loader.supply(name, given[name] if name in given else await _fetch(machine, name))
    return checked(*loader.outcome())


async def _fetch(machine: Machine, path: str) -> Supply:
    try:
        facts = (await machine.disk.perform([Stat(path)]))[0]
        if facts.kind is FileKind.DIRECTORY:
            return await _list(machine, path)
        if facts.kind is not FileKind.FILE:
            return ErrorOfReading("not a plain file", is_missing=False)
        if facts.size > FILE_OCTETS_MAX:
            return ErrorOfReading(f"larger than {FILE_OCTETS_MAX} octets", is_missing=False)
        return await read_file(machine.disk, path, FILE_OCTETS_MAX)
    except (FileNotFoundError, NotADirectoryError):
        return ErrorOfReading()
    except OSError as fault:
        return ErrorOfReading(fault.strerror or str(fault), is_missing=False)


async def _list(machine: Machine, path: str) -> Supply:
    names: list[str] = (await machine.disk.perform([ListDirectory(path)]))[0]
    plain = []
    for name in names:
        try:
            facts = (await machine.disk.perform([Stat(f"{path}/{name}")]))[0]
        except FileNotFoundError:
            continue  # gone since it was listed
        if facts.kind is FileKind.FILE:
            plain.append(name)
    return DirectoryListing(plain)


def listens(tree: ConfigTree, kinds: Sequence[ListenerKind]) -> Mapping[Place, ListenOptions]:
    """Every Listen of *tree*, enabled or not, by listener and in the order of the text."""
    found = {}
    for kind in kinds:
        for scope in tree.listens(kind.key):
            endpoint = scope.endpoint
            found[Place(kind.key, endpoint)] = ListenOptions.resolve(tree.chain_for(kind.key, endpoint, None))
    return found


def wanted(
    tree: ConfigTree, kinds: Sequence[ListenerKind], here: frozenset[str] = frozenset()
) -> Mapping[Place, SocketTerms]:
    """The sockets that *tree* wants open: of all its Listens, unless they are disabled.

    here: the floating addresses that this node has; at others nothing listens.
    """
    elsewhere = floating(tree).keys() - here
    return {
        place: SocketTerms.of(options)
        for place, options in listens(tree, kinds).items()
        if options.enable and address_of(place.endpoint) not in elsewhere
    }


def away(tree: ConfigTree, here: frozenset[str]) -> frozenset[Binding]:
    """The bindings of *tree* whose address another node has, or nobody. here: the floating addresses of this node."""
    others = (address for text, address in floating(tree).items() if text not in here)
    return frozenset(binding for address in others for binding in address.bindings)


def places(tree: ConfigTree, kinds: Sequence[ListenerKind]) -> Mapping[Place, Position]:
    """Where in the text each Listen stands."""
    return {Place(kind.key, scope.endpoint): scope.at for kind in kinds for scope in tree.listens(kind.key)}


def without_effect(tree: ConfigTree) -> tuple[str, ...]:
    """One sentence that lists what *tree* sets although nothing reads it yet; none when there is nothing such."""
    found = [f"{setting.name} ({setting.at})" for setting in _unread(tree.root, tree.schema, "")]
    if not found:
        return ()
    more = f" and {len(found) - UNREAD_SHOWN_MAX} more" if len(found) > UNREAD_SHOWN_MAX else ""
    return (f"without effect, since nothing reads it yet: {', '.join(found[:UNREAD_SHOWN_MAX])}{more}",)


def _unread(scope: Scope, schema: Schema, listener: str) -> Iterator[Setting]:
    """Also what is read in a Listen or Peer of other listeners alone. listener: the one around *scope*, if any."""
    for key, setting in scope.settings.items():
        known = schema.options.get((scope.kind, key))
        readers = frozenset() if known is None or known.option is None else known.scopes & LISTENERS
        elsewhere = bool(listener and readers) and listener not in readers
        if known is not None and (elsewhere or state(known, schema) == STORED_ONLY):
            yield setting
    for member in scope.children:
        yield from _unread(member, schema, listener or (member.kind if member.kind in LISTENER_KINDS else ""))


def undelivered(tree: ConfigTree) -> tuple[str, ...]:
    """A sentence for each reason why mail of a relay domain would be taken, kept and not delivered."""
    reasons: dict[str, list[str]] = {}
    domains = ReceptionOptions.resolve(tree.chain_global()).relay_domains.items[:DOMAINS_TRIED_MAX]
    for domain in domains:
        if "*" in domain:
            continue
        chain = tree.chain_outbound(DEFAULT, DEFAULT, domain)
        options = DeliveryOptions.resolve(chain)
        method = options.method
        if method not in BUILT_METHODS:
            reasons.setdefault(f"delivery by {method} is not built here", []).append(domain)
        elif method == Maildir.word and not MaildirOptions.resolve(chain).path:
            reasons.setdefault("Maildir_Path is not set", []).append(domain)
        elif method == Ecstream.word and options.gateway is None:
            reasons.setdefault("delivery by ECSTREAM needs a Gateway", []).append(domain)
    return tuple(
        f"mail for {', '.join(stuck[:DOMAINS_SHOWN_MAX])}{' and others' if len(stuck) > DOMAINS_SHOWN_MAX else ''}"
        f" is taken and kept, not delivered: {reason}"
        for reason, stuck in reasons.items()
    )


def warnings(tree: ConfigTree) -> tuple[str, ...]:
    """What an operator should know: mail that would stay, extensions that nobody is offered, webhooks that are told
    nothing, consoles anybody on the host may use (SECURITY.md).
    """
    said = [*undelivered(tree), *_unoffered(tree), *unused(tree), *cluster_warnings(tree), *bus_warnings(tree)]
    for scope in tree.listens("control_listener"):
        chain = tree.chain_for("control_listener", scope.endpoint, None)
        options = ListenOptions.resolve(chain)
        if options.enable:
            has_tls = speaks_tls(chain)
            said += _of_console(scope.endpoint, options.file_mode, ControlOptions.resolve(chain), has_tls=has_tls)
    return tuple(said)


def _strangers(tree: ConfigTree) -> Iterator[str]:
    """What is listed as an extension of SMTP and is none."""
    around = [scope for scope in tree.root.children if scope.kind in EXTENDED]
    for scope in (inner for outer in around for inner in outer.walk()):
        if (setting := scope.settings.get(SessionOptions.smtp_extensions.key)) is not None:
            for why in strangers(STRINGS.parse(setting.value)):
                yield f"{setting.at}: {setting.name}: {why}"


def _unoffered(tree: ConfigTree) -> Iterator[str]:
    """Extensions and schemes that a configuration names and nobody is offered."""
    yield from _strangers(tree)
    for scope in tree.listens("esmtp_listener"):
        chain = tree.chain_for("esmtp_listener", scope.endpoint, None)
        if ListenOptions.resolve(chain).enable:
            yield from (f"{scope.endpoint}: {why}" for why in unoffered(chain, SessionOptions.resolve(chain)))
    for scope in tree.listens("http_listener"):
        chain = tree.chain_for("http_listener", scope.endpoint, None)
        if ListenOptions.resolve(chain).enable:
            is_near = scope.endpoint.is_loopback or scope.endpoint.family is Family.UNIX
            yield from (f"{scope.endpoint}: {why}" for why in http_unoffered(chain, is_near=is_near))


def _of_console(endpoint: Endpoint, file_mode: int, options: ControlOptions, *, has_tls: bool) -> Iterator[str]:
    """What is worth saying of a Listen of the console."""
    if endpoint.family is Family.UNIX:
        if file_mode & _OTHERS_WRITE and not options.enable_authorization:
            yield _open_to_all(endpoint, file_mode)
        return
    terms = terms_of(options)
    for mechanism, held in terms.back_ends:
        if not held.is_built:
            yield f"{endpoint}: {mechanism} is not offered: the scheme of {held.uri} is not built"
    elsewhere = Peer(_ELSEWHERE, is_private=has_tls)
    if not endpoint.is_loopback and isinstance(entry(terms, elsewhere), Refused):
        yield f"{endpoint} lets in loopback alone: no Auth*Parameters that hold for it can be offered to another host"


def _open_to_all(endpoint: Endpoint, mode: int) -> str:
    return (
        f"{endpoint} has File_Mode {mode:04o} and no Enable_Authorization: every user of this host may command the node"
    )
