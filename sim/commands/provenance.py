"""What a saved failing scenario says of the run it comes from: comment lines at its top, read again when it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ..scenario import Scenario
from ..scenario_text import write
from ..surroundings import code_hash, hash_seed, versions
from .command import UsageError, write_file

_LINE = re.compile(r"# (\w+): (.*)")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Of a failing run: the first invariant it broke, hash seed and digest of the run, the code and what it ran on."""

    broke: str
    digest: str
    hash_seed: str
    code: str
    versions: str

    @property
    def text(self) -> str:
        """As comment lines."""
        return "".join([f"# {each.name}: {getattr(self, each.name)}\n" for each in fields(self)])


def of_this_process(broke: str, digest: str) -> Provenance:
    """Of a run that was made here."""
    return Provenance(broke, digest, hash_seed(), code_hash(), versions())


def read_provenance(path: str) -> Provenance | None:
    """What the file says; None, when it is not a saved one."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as fault:
        raise UsageError(f"{path}: {fault.strerror}") from fault
    found = {match[1]: match[2] for line in lines if (match := _LINE.fullmatch(line)) is not None}
    try:
        return Provenance(**{each.name: found[each.name] for each in fields(Provenance)})
    except KeyError:
        return None


def save(scenario: Scenario, seed: int, path: Path, provenance: Provenance) -> Path:
    """Write a concrete scenario, with its seed, to *path*."""
    assert scenario.concrete
    text = write(replace(scenario, seed=seed), str(path.parent))
    write_file(path, f"# Broken in this run; to see it again: python -m sim replay {path}\n{provenance.text}\n{text}")
    return path
