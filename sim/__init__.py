"""The simulated world below trio: virtual time, hosts, links, sockets, and the machine's parts, all from one seed.

Production code runs on it unchanged. A run is a function of (code, scenario, seed); see ``docs/simulate.md``.
Nothing in ``momentum_trio`` imports this package.
"""

from .host import Host, Life, NoHost, ProcessDied
from .kernel import Deadlock, Kernel, Livelock
from .world import Never, World

__all__ = ["Deadlock", "Host", "Kernel", "Life", "Livelock", "Never", "NoHost", "ProcessDied", "World"]
