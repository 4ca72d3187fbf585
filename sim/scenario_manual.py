"""``python -m sim.scenario_manual``: print docs/scenario.md, the reference of scenario files, from the declarations."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from momentum_trio.config.option import Option

from .scenario_options import FAULTS, GROUPS, SCOPES, FaultForm, ScopeForm, is_between, is_one, lasts, may_last

_HEAD = """\
# Scenario files

Generated from the declarations in `sim/scenario_options.py`; do not edit (`make reference`).

A scenario says what there is, who sends what and when, what breaks and when, and what must hold. It is written in the
language of the configuration itself: `include`, comments and quoting are the same, and so is the way in which mistakes
are told.

```
Simulation {
  duration = "30s"

  Host "client" { program = "client" addresses = "10.0.0.7" }
  Host "mx"     { addresses = ( "10.0.0.1" "fd00::1" ) config = "prod/ecelerity.conf" clock_skew = "-40ms" }
  Link "client mx" { latency = "2ms" jitter = "3ms" bandwidth = "10MB/s" }

  Load "mail" { from = "client" to = "mx:25" recipients = ( "alice@example.com" "bob@example.com" ) }

  At "12.5s" { partition = ( "client" "mx" ) for = "4s" }
  At "20s"   { power = "mx" for = "1s" }
}
```

`ec_sim check FILE` tells what is wrong with one. `sim/scenarios` has some to copy.

Times are virtual and begin with the load, when every host is started. A duration is a number with a unit: `us`, `ms`,
`s`, `m`, `h`. A size is a number of octets, with `kB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB`; a rate is a size
a second (`10MB/s`); a share is a number from 0 to 1 or a percentage. A range is a list of two, or one value that is
both.

## A real configuration

`config` names the real file, beside the scenario file or absolute. It lies at `config_at` on the host, and what lies
beside the one lies beside the other; all other files it includes or names (certificates, keys, digest files) are read
from where they say, below `root` if there is one, and lie at the same place on the host. What it writes (spool, logs,
Maildirs, sockets) is on the simulated disk. What a `File` says comes first.

What a configuration needs and the scenario lacks fails the load, all of it listed with its place and what to add:

| lacking | what to add |
| --- | --- |
| a local address (`Listen`, `Bind_Address`) | `addresses` of the host |
| a user or group of `Security` | `users` of the host |
| a certificate, key or digest file | the file, or `File` in the host |
| a host name (`Gateway`, `Routes`, members of a cluster) | `Name`, or a host of that name |
| an address outside of this world | `addresses` of some host, or `unreachable` |
| an `include` over the network | a copy of it beside the file |
"""


def scenario_md() -> str:
    """The text of docs/scenario.md."""
    return "\n".join((_HEAD, *(line for form in SCOPES for line in _scope(form)), *_faults()))


def _scope(form: ScopeForm) -> Iterator[str]:
    inside = {"global": "the file level", "simulation": "`Simulation`", "host": "`Host`"}[form.inside]
    instance = f"; its instance is {form.instance}" if form.instance else ""
    yield f"## {form.name}\n\n{form.meaning} In {inside}{instance}.\n"
    yield "| option | value | default | meaning |\n| --- | --- | --- | --- |"
    for option in GROUPS[form.name.lower()].declared:
        yield f"| `{option.name}` | {_kind(option.kind.name)} | {_default(option)} | {option.meaning} |"
    yield ""


def _kind(name: str) -> str:
    """A kind's name for people."""
    return name.removeprefix("enum(").removesuffix(")").replace("|", ", ")


def _default(option: Option[Any]) -> str:
    if option.default in ((), "", ("", 0)):
        return "none"
    return f"`{option.kind.show(option.default)}`"


def _faults() -> Iterator[str]:
    yield "## Kinds of fault\n"
    yield "The value of a kind is the host it strikes; several hosts are struck at once, each by a fault of its own."
    yield "Kinds between two hosts take exactly two. `Swarm` takes all of them but `console` and `member`.\n"
    yield "| fault | targets | `for` | `amount` | meaning |\n| --- | --- | --- | --- | --- |"
    for kind, form in FAULTS.items():
        targets = "two hosts" if is_between(kind) else "one side" if is_one(kind) else "hosts"
        lasting = "required" if lasts(kind) else "allowed" if may_last(kind) else "none"
        yield f"| `{kind.value}` | {targets} | {lasting} | {_amount(form)} | {form.meaning} |"
    yield ""


def _amount(form: FaultForm) -> str:
    return f"{form.amount.name.partition(',')[0]}: {form.unit}" if form.amount is not None else "none"


def main() -> int:
    """The command."""
    sys.stdout.write(scenario_md())
    return 0


if __name__ == "__main__":
    sys.exit(main())
