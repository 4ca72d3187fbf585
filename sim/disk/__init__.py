"""A disk that forgets: the simulated arm of ``momentum_trio.machine.disk``.

``SimStore`` is the medium and survives; ``SimDisk`` is one process life's view of it (its open files and locks)::

    store = SimStore()
    disk = store.mount()
    ... await disk.perform([...]) ...
    store.power_loss(random.Random(7))        # the mounted disks are dead, what was not synced is in doubt
    disk = store.mount()

An inode is a memory image, a durable image and the list of writes not synced yet; a directory is its live names, its
durable names and the ordered list of changes not synced yet. ``SyncDirectory`` syncs one directory, no other.
Power loss leaves of what was not synced what ``power_loss`` says; without a random source nothing of it. Mode bits are
durable at once. What else may go wrong are verbs of the store: ``faults``, ``SimStore.fill`` and ``SimStore.rot``.

No real I/O, no clock, no randomness of its own, nothing of the kernel's: it works in any trio program.
"""

from .faults import Fault, Injector, Operation
from .power_loss import SECTOR_OCTETS, PowerCut
from .steps import SimDisk
from .store import SimStore

__all__ = ["SECTOR_OCTETS", "Fault", "Injector", "Operation", "PowerCut", "SimDisk", "SimStore"]
