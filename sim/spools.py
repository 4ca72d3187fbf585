"""How much of their disks the spools of a run take, now and again, and how much of it their mail may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from momentum_trio.config.tree import ConfigTree
from momentum_trio.node.node_options import SpoolOptions

from .consoles import node_of
from .custodian import Custodian
from .evidence import Evidence
from .order import Order
from .programs import Programs
from .scenario import Program
from .service import Service

SAMPLE_SECONDS_MIN, SAMPLES_MAX = 1.0, 5_000  # between two looks; in all the load's time


class Spools:
    """now: virtual seconds since the load began."""

    def __init__(self, evidence: Evidence, programs: Programs, now: Callable[[], float]) -> None:
        self._evidence, self._programs, self._now = evidence, programs, now
        self._custodian = Custodian(evidence.world)

    def sample(self, is_over: Callable[[], bool]) -> None:
        """Look now, and again and again until it *is_over*."""
        for service in self._programs.services():
            if service.running and (tree := _with_a_spool(service)) is not None:
                base, store = SpoolOptions.resolve(tree.chain_global()).base, service.host.store
                with suppress(OSError):  # it is being made
                    in_use = sum(sum(store.files(f"{base}/{part}").values()) for part in ("log", "content"))
                    live = self._custodian.live_octets(service.host.name)
                    self._evidence.spool_octets.append((service.host.name, self._now(), in_use, live))
        if not is_over():
            kernel, seconds = self._evidence.world.kernel, self._evidence.scenario.duration_seconds
            at = kernel.now + max(SAMPLE_SECONDS_MIN, seconds / SAMPLES_MAX)
            kernel.at(at, self.sample, is_over, rank=Order.END)

    def measure(self, living: Sequence[str]) -> None:
        """Note how long the logs of drained spools are. Where mail rotted some of it may live for ever."""
        if any(struck.mails for struck in self._evidence.struck):
            return
        for service in self._programs.services(living):
            if (tree := _with_a_spool(service)) is not None:
                files = service.host.store.files(f"{SpoolOptions.resolve(tree.chain_global()).base}/log")
                self._evidence.spool_octets.append((service.host.name, self._now(), sum(files.values()), 0))


def tree_of(service: Service) -> ConfigTree | None:
    """The configuration that holds in a node."""
    node = node_of(service)
    return None if node is None else node.administration.tree


def _with_a_spool(service: Service) -> ConfigTree | None:
    """The same, of a node that carries mail."""
    return tree_of(service) if service.plan.program is Program.ECELERITY else None
