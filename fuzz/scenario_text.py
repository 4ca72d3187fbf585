"""Any octets are a scenario or errors with a place inside the text, never another exception, and a scenario reads back.

What is written of a scenario is read as the same scenario.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.config.include import ErrorOfReading, Supply
from sim.scenario_text import check, write

FILE: Final = "fuzzed.sim"
CONFIG: Final = b"Hostname = a.example\nESMTP_Listener { Listen 10.0.0.1:25 { } }\n"

_HOSTS = (
    "Simulation { duration = 20s",
    'Host "mx" { addresses = ( "10.0.0.1" "fd00::1" ) config = "mx.conf" clock_skew = "-40ms" }',
    'Host "c" { addresses = 10.0.0.2 program = client users = [ a = 1000 ] }',
)
_STATEMENTS = (
    'Host "c" { File "/a" { text = "x\\n" } root = "x" environment = [ A = "b c" ] }',
    'Host "mx" { config_at = "/etc/mx.conf" clock_rate = 1.01 }',
    'Host "10.0.0.9" { }',
    'Name "a.example" { is = ( ) }',
    'Link "mx c" { latency = 2ms loss = 1e-3 bandwidth = 1.5MB/s }',
    'Load "l" { from = c to = [fd00::1]:2525 recipients = a@b.example octets = ( 1 2kB ) }',
    'Mail "m" { from = c to = mx recipients = ( "a@b.example" ) sender = "" at = 1e-9s }',
    "At 1s { kill = ( mx c ) for = 1s }",
    "At 2.50s { disk_full = mx amount = 0.001MB for = 0s }",
    "At 1m { reset = ( c mx ) }",
    'At 3s { console = mx text = "config show" }',
    "At 4s { kill = mx",
    "Swarm { faults = ( kill one_way ) count = 3 for = ( 1ms 1h ) }",
    "Expect { heal = sufficient sufficient = mx }",
    "include fuzzed.sim",
    "unreachable = 192.0.2.0/24",
    "}",
)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: hosts and some statements, good and bad, in any order."""
    statements = st.lists(st.sampled_from(_STATEMENTS), max_size=6)
    drawn = st.tuples(st.sampled_from([_HOSTS, _HOSTS, _HOSTS[:1], ()]), statements, st.sampled_from(["}", ""]))
    return drawn.map(lambda parts: "\n".join((*parts[0], *parts[1], parts[2])).encode()) | st.binary(max_size=40)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    found = check(FILE, lambda path: _supply(octets, path))
    if found.scenario is None:
        assert found.problems
        for error in found.problems:
            assert error.problem
            lines = found.texts.get(error.at.file, "").split("\n")
            assert 1 <= error.at.line <= len(lines), error
            assert 1 <= error.at.column <= len(lines[error.at.line - 1]) + 1, error
        return
    again = write(found.scenario).encode()
    assert check(FILE, lambda path: _supply(again, path)).scenario == found.scenario


def _supply(octets: bytes, path: str) -> Supply:
    return octets if path == FILE else CONFIG if path == "mx.conf" else ErrorOfReading()
