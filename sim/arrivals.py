"""Where mail lies: in the Maildirs of the nodes and with the sinks; as the disks show it now, or as it is durable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.mailbox import Mailboxes
from momentum_trio.delivery.maildir_options import MaildirOptions
from momentum_trio.machine.disk import FileKind

from .checks.custody import address
from .disk import SimStore
from .disk.inode import Inode
from .dsn import is_report, read_report
from .evidence import Arrived
from .host import Host
from .letter import batches_of, name_in
from .scenario import HostPlan, Mail, Program
from .sink import FOLDER, kept

IN_MAILDIR = ("new", "cur")
DEFAULT = "default"  # the binding group and binding of mail that none was chosen for

Delivery = tuple[str, str]
"""A mail's name and one of its forward-paths."""


class Arrivals:
    """The ends of all mail of a scenario.

    seen: each delivery that a disk has shown so far, and how many files hold it. reported: each delivery of which its
    sender was told that it failed.
    """

    def __init__(self, mails: Iterable[Mail]) -> None:
        self.seen: dict[Delivery, int] = {}
        self.reported: dict[Delivery, None] = {}
        self._mails = {mail.name: mail for mail in mails}
        self._paths = dict.fromkeys(path for mail in self._mails.values() for path in _places(mail))
        self._trees: dict[str, ConfigTree] = {}
        self._mailboxes: dict[str, dict[str, list[str]]] = {}
        self._sinks: list[str] = []
        self._read: dict[tuple[str, str], set[str]] = {}  # the names seen in each folder
        self._shared: Counter[tuple[str, bytes, str]] = Counter()

    def anew(self) -> Arrivals:
        """The same ends, nothing seen yet."""
        fresh = Arrivals(self._mails.values())
        fresh._mailboxes, fresh._sinks = self._mailboxes, self._sinks
        return fresh

    def add(self, plan: HostPlan, tree: ConfigTree | None = None) -> None:
        """*plan*'s host is an end of mail too. tree: the configuration of a node, which says where its Maildirs are."""
        if plan.program is Program.SINK:
            self._sinks.append(plan.name)
        elif tree is not None and plan.name not in self._mailboxes:
            self._trees[plan.name], self._mailboxes[plan.name] = tree, {}
            for path in self._paths:
                self._add_mailbox(plan.name, path)

    def expect(self, mail: Mail) -> None:
        """*mail* is sent too."""
        self._mails[mail.name] = mail
        for path in _places(mail):
            if path not in self._paths:
                self._paths[path] = None
                for host in self._trees:
                    self._add_mailbox(host, path)

    def _add_mailbox(self, host: str, path: str) -> None:
        if template := _template(self._trees[host], path):
            self._mailboxes[host].setdefault(Mailboxes(template).path(path), []).append(path)

    def look(self, hosts: Mapping[str, Host]) -> None:
        """See what is new on the disks, as they are now."""
        for host, place, folder in self._folders(hosts):
            read = self._read.setdefault((host, place), set())
            for name, inode in folder.names.items():
                if name not in read:
                    read.add(name)
                    for arrived in self._arrived(host, f"{place}/{name}", bytes(inode.memory), self._shared):
                        if (mail := name_in(arrived.octets)) is not None:
                            delivery = mail, arrived.forward_path
                            self.seen[delivery] = self.seen.get(delivery, 0) + 1
                        elif is_report(arrived.octets):
                            self._look_at_report(arrived)

    def _look_at_report(self, arrived: Arrived) -> None:
        report = read_report(arrived)
        for reported in report.recipients:
            if reported.action == "failed":
                self.reported[report.mail, address(reported.address)] = None

    def there(self, hosts: Mapping[str, Host]) -> Iterator[Arrived]:
        """All that lies on the disks as they are now; it is not remembered."""
        shared: Counter[tuple[str, bytes, str]] = Counter()
        for host, place, folder in self._folders(hosts):
            for name, inode in folder.names.items():
                yield from self._arrived(host, f"{place}/{name}", bytes(inode.memory), shared)

    def whole(self, mail: Mail) -> bool:
        """Whether *mail* was seen with each of its forward-paths."""
        return all((mail.name, path) in self.seen for path in mail.forward_paths)

    def durable(self, hosts: Mapping[str, Host]) -> list[Arrived]:
        """What would be there if the power failed now and nothing unsynced survived, wherever on the disk it lies."""
        found, shared = list[Arrived](), Counter[tuple[str, bytes, str]]()
        for name in (*self._mailboxes, *self._sinks):
            for path, octets in hosts[name].store.durable_files():
                if path.startswith(f"{FOLDER}/") or path.split("/")[-2] in IN_MAILDIR:
                    found += self._arrived(name, path, octets, shared)
        return found

    def _folders(self, hosts: Mapping[str, Host]) -> Iterator[tuple[str, str, Inode]]:
        for host, mailboxes in self._mailboxes.items():
            for mailbox in mailboxes:
                for part in IN_MAILDIR:
                    if (folder := _directory(hosts[host].store, f"{mailbox}/{part}")) is not None:
                        yield host, f"{mailbox}/{part}", folder
        for host in self._sinks:
            if (folder := _directory(hosts[host].store, FOLDER)) is not None:
                yield host, FOLDER, folder

    def _arrived(
        self, host: str, path: str, octets: bytes, shared: Counter[tuple[str, bytes, str]]
    ) -> Iterator[Arrived]:
        """What a file is. shared: how many files of a batch a mailbox had so far, for those that several have."""
        if host in self._sinks:
            for forward_path, content in kept(octets):
                yield Arrived(host, self._spelt(forward_path, content), content, path)
            return
        mailbox = path.rsplit("/", 2)[0]
        owners = self._mailboxes[host].get(mailbox)
        if owners is None:  # a mailbox of nobody who was written to
            domain, _, local_part = mailbox.rpartition("/")
            yield Arrived(host, f"{local_part}@{domain.rpartition('/')[2]}", octets, path)
        else:
            yield Arrived(host, self._owner(owners, octets, shared), octets, path)

    def _owner(self, owners: list[str], octets: bytes, shared: Counter[tuple[str, bytes, str]]) -> str:
        """Whose a file in the mailbox of *owners* is. Of one batch each of them has one there: the first the first.

        A guess, where several share a mailbox: wrong when a batch was accepted for some of them and not for others.
        """
        mail = self._mails.get(name_in(octets) or "")
        possible = [owner for owner in owners if mail is not None and owner in mail.forward_paths]
        if mail is None or not possible:
            return owners[0]
        key = mail.name, next(iter(batches_of(octets)), b""), owners[0]
        shared[key] += 1
        return possible[(shared[key] - 1) % len(possible)]

    def _spelt(self, forward_path: str, content: bytes) -> str:
        """*forward_path* as the mail spells it."""
        mail = self._mails.get(name_in(content) or "")
        spellings = () if mail is None else mail.forward_paths
        return next((path for path in spellings if path.lower() == forward_path.lower()), forward_path)


def _places(mail: Mail) -> dict[str, None]:
    """Where something may lie that is of *mail*: itself, and what its sender is told."""
    return dict.fromkeys(path for path in (*mail.forward_paths, mail.reverse_path) if path)


def _directory(store: SimStore, path: str) -> Inode | None:
    try:
        inode = store.find(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return inode if inode.kind is FileKind.DIRECTORY else None


def _template(tree: ConfigTree, forward_path: str) -> str:
    domain = forward_path.rpartition("@")[2]
    return MaildirOptions.resolve(tree.chain_outbound(DEFAULT, DEFAULT, domain)).path
