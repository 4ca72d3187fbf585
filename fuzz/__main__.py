"""``python -m fuzz TARGET --seconds N [--seed S]``: random inputs for one target until the time is up or one fails.

``all`` is every target, one after the other, N seconds each.

A target is a module of this package: its docstring's first sentence is the invariant, ``strategy()`` draws octets
worth trying, ``run(octets)`` raises when they break the invariant. Of the inputs one in five is drawn, the others are
mutations of those drawn before. A failing input is printed as a repr and kept in ``var/fuzz``; ``--input FILE`` tries
it again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import pkgutil
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

KEPT_MAX = 500  # inputs remembered for mutation
MUTATIONS_MAX = 4  # at once, of one input
MUTANTS = 4  # for each input drawn: drawing is what costs
BATCH = 50  # inputs drawn in one go
FAILURES = Path("var/fuzz")


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that broke the invariant. said: the traceback."""

    octets: bytes
    said: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. seconds: of real time."""

    runs: int
    seconds: float
    failure: Failure | None


def targets() -> list[str]:
    """The names of all targets."""
    import fuzz

    return sorted(module.name for module in pkgutil.iter_modules(fuzz.__path__) if not module.name.startswith("_"))


def load(name: str) -> ModuleType:
    """The target *name*. Raises ModuleNotFoundError."""
    return importlib.import_module(f"fuzz.{name}")


def invariant(target: ModuleType) -> str:
    """The target's invariant: the first sentence of its docstring."""
    return (target.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")


def fuzz(target: ModuleType, seconds: float, first_seed: int) -> Result:
    """Run *target* for *seconds* (one input at least), or until an input fails."""
    began = time.monotonic()
    choice = random.Random(first_seed)
    runs = 0
    for octets in _inputs(target.strategy(), choice):
        runs += 1
        if (failure := attempt(target.run, octets)) is not None:
            return Result(runs, time.monotonic() - began, failure)
        if time.monotonic() - began >= seconds:
            break
    return Result(runs, time.monotonic() - began, None)


def attempt(run: Callable[[bytes], None], octets: bytes) -> Failure | None:
    """Whether *octets* break the invariant. Every exception does: a target names the ones it allows."""
    try:
        run(octets)
    except Exception:  # noqa: BLE001 - finding exceptions nobody thought of is what this is for
        return Failure(octets, traceback.format_exc())
    return None


def _inputs(strategy: SearchStrategy[bytes], choice: random.Random) -> Iterator[bytes]:
    """Inputs without end: one drawn, MUTANTS mutated."""
    kept: list[bytes] = []
    while True:
        for octets in drawn(strategy, choice.getrandbits(32)):
            yield octets
            if len(kept) < KEPT_MAX:
                kept.append(octets)
            else:
                kept[choice.randrange(KEPT_MAX)] = octets
            for _ in range(MUTANTS):
                yield mutated(choice.choice(kept), kept, choice)


def drawn(strategy: SearchStrategy[bytes], with_seed: int) -> list[bytes]:
    """A batch of inputs; the same ones for the same seed."""
    batch: list[bytes] = []

    @seed(with_seed)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(octets: bytes) -> None:
        batch.append(octets)

    draw()
    return batch


def mutated(octets: bytes, others: Sequence[bytes], choice: random.Random) -> bytes:
    """*octets* with a few octets changed, cut, doubled, or joined to another input."""
    changed = bytearray(octets)
    for _ in range(choice.randint(1, MUTATIONS_MAX)):
        at = choice.randint(0, len(changed))
        to = choice.randint(at, min(len(changed), at + 16))
        match choice.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([choice.randrange(256)])
            case 1:
                changed[at:at] = bytes([choice.choice(b"\x00\t\n\r \"#'(),-./09:;<=>@[\\]az{}\x7f\xc3\xff")])
            case 2:
                del changed[at:to]
            case 3:
                changed[at:at] = changed[at:to] * choice.randint(1, 20)
            case 4:
                other = choice.choice(others)
                changed[at:] = other[choice.randint(0, len(other)) :]
            case _:
                other = choice.choice(others)
                start = choice.randint(0, len(other))
                changed[at:to] = other[start : start + choice.randint(0, 16)]
    return bytes(changed)


def kept(name: str, octets: bytes, folder: Path) -> Path:
    """Where the failing input was written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{hashlib.sha256(octets).hexdigest()[:12]}"
    path.write_bytes(octets)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: exit status 0 when the invariant held, 1 when an input broke it."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Random inputs for the parsers.")
    parser.add_argument("target", choices=[*targets(), "all"])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--input", type=Path, help="try the input in this file alone")
    asked = parser.parse_args(arguments)
    if asked.input is not None and asked.target == "all":
        parser.error("--input needs one target")
    if asked.input is not None:
        failure = attempt(load(asked.target).run, asked.input.read_bytes())
        print("it holds" if failure is None else failure.said)
        return 0 if failure is None else 1
    first_seed = random.SystemRandom().getrandbits(32) if asked.seed is None else asked.seed
    names = targets() if asked.target == "all" else [asked.target]
    return max(campaign(name, asked.seconds, first_seed) for name in names)


def campaign(name: str, seconds: float, first_seed: int) -> int:
    """Fuzz one target and tell of it; 0 when the invariant held, else 1."""
    target = load(name)
    print(f"{name}: {invariant(target)}", flush=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hypothesis remarks on slow draws
        result = fuzz(target, seconds, first_seed)
    rate = result.runs / result.seconds if result.seconds else 0.0
    print(f"seed {first_seed}: {result.runs} runs in {result.seconds:.1f} s, {rate:.0f} a second")
    if result.failure is None:
        return 0
    path = kept(name, result.failure.octets, FAILURES)
    print(f"{result.failure.said}\nfailing input, kept in {path}:\n{result.failure.octets!r}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
