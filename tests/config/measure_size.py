"""``python tests/config/measure_size.py``: what 100,000 lines of configuration cost, by shape.

One process a shape; the peak is that of the process above what it was before loading. Names and values are checked too.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema

LINES = 100_000
KIBIBYTES_OF_MEBIBYTE = 1024


def options(lines: int, names: tuple[str, str, str]) -> str:
    """*lines* lines of options, a third of the statements a list of three lines."""
    number, text, items = names
    group = f'  {number} = %d\n  {text} = "host%d.example.com"\n  {items} = (\n    "ITEM%d"\n  )\n'
    return "".join(group % (n, n, n) for n in range(lines // 5))


def flat() -> str:
    return options(LINES, ("Message_Expiration", "Hostname", "Relay_Domains"))


def one_scope() -> str:
    return f"ESMTP_Listener {{\n{options(LINES, ('Idle_Time', 'Banner_Hostname', 'SMTP_Extensions'))}}}\n"


def domains() -> str:
    line = 'Domain "d%d.example" {\n  Message_Expiration = %d\n  Gateway = "g%d.example"\n}\n'
    return "".join(line % (n, n, n) for n in range(LINES // 4))


def peers() -> str:
    line = '  Peer "10.%d.%d.0/24" {\n    Idle_Time = %d\n    Open_Relay = true\n  }\n'
    return "ESMTP_Listener {\n" + "".join(line % (n >> 8, n & 255, n) for n in range(LINES // 4)) + "}\n"


SHAPES = {"flat": flat, "one_scope": one_scope, "domains": domains, "peers": peers}


def measure(shape: str) -> str:
    """A line of the table."""
    octets = SHAPES[shape]().encode()
    schema = Schema.load()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, began_cpu = time.perf_counter(), time.process_time()
    tree = load_text({"x": octets}, "x", schema=schema, declared=())
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / KIBIBYTES_OF_MEBIBYTE
    began = time.perf_counter()
    tree.set((("esmtp_listener", ""), ("listen", ":25")), "enable", "false")
    change = time.perf_counter() - began
    cost = f"{seconds:6.2f} s {cpu:6.2f} s CPU {peak:6.1f} MiB"
    return f"{shape:10} {octets.count(10):7} lines {cost}; a set {change * 1000:.1f} ms"


if __name__ == "__main__":
    if sys.argv[1:]:
        print(measure(sys.argv[1]))
    else:
        for shape in SHAPES:
            subprocess.run([sys.executable, __file__, shape], check=True)
