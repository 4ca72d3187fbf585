"""The node as the console sees it: reports as values, and what an operator may ask for.

Commands are written against ``Administration``; ``node/administration.py`` is the real one, tests make their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.clustered import Clustered
from momentum_trio.protocol.cluster.eccluster import LogFacts

if TYPE_CHECKING:
    from momentum_trio.console.command import Answer
    from momentum_trio.console.instruments import Instruments


CONFIRM_SECONDS_MAX = 86_400
"""How long a commit may wait to be confirmed."""


class ListenState(Enum):
    """What becomes of a Listen. ELSEWHERE: its address floats, and another node has it, or nobody."""

    OPEN = "open"
    ELSEWHERE = "elsewhere"
    DISABLED = "disabled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ListenReport:
    """One Listen. listener: ``ESMTP_Listener``. endpoint: as configured; bound: as bound (port 0), empty if it is not.

    sessions: open now (a disabled Listen may still have some); the others count since the node started.
    """

    listener: str
    endpoint: str
    bound: str
    state: ListenState
    sessions: int
    sessions_total: int
    octets_received: int
    octets_sent: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``summary`` prints (spec/console.md section 8); messages count since the last reset.

    warnings: sentences the operator should see (a world-writable control socket without authorization).
    """

    inbound_concurrency: int
    outbound_concurrency: int
    active_domains: int
    active_queue: int
    delayed_queue: int
    delivered: int
    failed: int
    rejected: int
    received: int
    since_reset_seconds: float
    uptime_seconds: float
    warnings: tuple[str, ...] = ()
    dns_a_queries: int = 0
    dns_mx_queries: int = 0
    dns_queries: int = 0
    dns_pending: int = 0


class ApplyError(Exception):
    """A checked configuration could not be put into effect (an address that cannot be bound). Nothing was changed.

    problems: one sentence each.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Administration(Protocol):
    """What the console may ask of the node it is in."""

    @property
    def tree(self) -> ConfigTree:
        """The configuration that holds now."""
        ...

    @property
    def generation(self) -> int:
        """Its number, from 1."""
        ...

    @property
    def product(self) -> str:
        """Which program this is: ``ecelerity``, or ``eccmgr``."""
        ...

    @property
    def version(self) -> str:
        """Of this program: ``0.1.0``."""
        ...

    @property
    def instruments(self) -> Instruments:
        """What the node can read off itself."""
        ...

    @property
    def cluster(self) -> Clustered | None:
        """The cluster that the node is in; None where it is in none."""
        ...

    @property
    def hostname(self) -> str:
        """The host's name as Hostname or the machine has it."""
        ...

    @property
    def pid(self) -> int:
        """The process's id."""
        ...

    async def apply(
        self,
        change: Callable[[ConfigTree], ConfigTree],
        description: tuple[str, ...],
        confirm_seconds: float | None = None,
    ) -> None:
        """Replace the configuration by ``change(current)``, all or nothing; sockets are opened and closed on return.

        When *change* returns the tree it was given, nothing is done, and no session has to begin anew.
        description: the set and unset lines, secrets masked, for the record of it. confirm_seconds: the change is
        taken back unless ``confirm`` is called within that time; until then there can be no other.
        Raises: what *change* raises; ConfigErrors, because the new tree does not pass the checks; ApplyError. The
            running configuration then stays. Changes are made one after the other.
        Cancellation: before the change begins as if never asked; after that it is carried out to its end.
        """
        ...

    @property
    def unconfirmed_seconds(self) -> float | None:
        """How long the last change still waits to be confirmed; None when it does not."""
        ...

    async def confirm(self) -> bool:
        """Keep the change that waits to be confirmed; False when there is none (any more)."""
        ...

    async def roll_back(self) -> bool:
        """Take back the change that waits to be confirmed; False when there is none. Raises ApplyError."""
        ...

    async def reload(self, path: str = "") -> None:
        """Read the configuration files again, or those of the main file *path*, and put them into effect.

        Raises as ``apply``, and OSError.
        """
        ...

    async def write_back(self, path: str = "") -> Sequence[str]:
        """Write what was changed at run time to the files it belongs to; or the main file, changed, to the new *path*.

        Returns: the files written. Raises: ConfigErrors, for what cannot be said in files that may be written to;
        ApplyError: a file changed meanwhile, lies outside of Config_Directories, cannot be written. Nothing is then.
        """
        ...

    async def write_configuration(self, path: str) -> str:
        """Write all that holds to the new file *path*, secrets too. Returns its path. Raises ApplyError."""
        ...

    async def published_logs(self) -> Sequence[LogFacts]:
        """The durable logs that others may gather, those that are there, with their subscribers."""
        ...

    async def reopen_logs(self) -> Sequence[str]:
        """Open every log file anew, after they were renamed; what is written from now on goes to the new ones.

        Returns: the paths that could not be opened.
        """
        ...

    def listeners(self) -> Sequence[ListenReport]:
        """All Listens of the running configuration, by listener and in the order of the text."""
        ...

    async def summary(self) -> Summary:
        """Counts of both planes, asked over the link."""
        ...

    async def ask_mail(self, command: str, words: Sequence[str] = ()) -> Answer:
        """What the mail plane answers to *command*: ``dig``, ``dns_cache stats``."""
        ...

    def reset_statistics(self) -> None:
        """Count from zero again in ``summary``."""
        ...

    def request_shutdown(self) -> None:
        """Begin the drain a SIGTERM begins, and return at once."""
        ...
