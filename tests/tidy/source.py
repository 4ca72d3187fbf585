"""The product's source as the tidy tests read it: modules, their floors and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "momentum_trio"

FLOORS = {
    "mail": 0,
    "net": 0,
    "config": 1,
    "protocol": 1,
    "machine": 2,
    "log": 2,
    "limits": 3,
    "spool": 3,
    "reception": 3,
    "stored": 3,
    "console": 3,
    "events": 3,
    "https": 3,
    "metrics": 3,
    "msgc": 3,
    "cluster": 3,
    "listener": 4,
    "delivery": 4,
    "web": 4,
    "webhook": 4,
    "client": 4,
    "rehearsal": 5,
    "node": 5,
    "cli": 5,
}


@dataclass(frozen=True)
class Module:
    """One source file of the product."""

    path: Path

    @property
    def name(self) -> str:
        """``momentum_trio.spool.recovery``."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def room(self) -> str:
        """``spool``; empty for the package's own files."""
        parts = self.path.relative_to(PRODUCT).parts
        return parts[0] if len(parts) > 1 else ""

    @property
    def floor(self) -> int:
        """F0 to F5; the package's own files are the top."""
        return FLOORS[self.room] if self.room else 5

    @property
    def touches_world(self) -> bool:
        """Whether it may reach the world: the machine's ``os_`` forms, and what is plain and blocking."""
        return self.path.match("machine/os_*.py") or self.room == "cli" or self.path.match("client/*blocking*.py")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All of the tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[tuple[str, int]]:
        """Every module imported anywhere in the file (also inside functions), with its line."""
        found: list[tuple[str, int]] = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}:{node.lineno}: relative import"
                assert node.module is not None
                found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
        return found

    def our_imports(self) -> Iterator[tuple[str, int]]:
        """The rooms of ours it imports from, with the line."""
        for name, line in self.imports:
            parts = name.split(".")
            if parts[0] == "momentum_trio" and len(parts) > 1 and parts[1] in FLOORS:
                yield parts[1], line


def modules() -> Iterator[Module]:
    """All modules of the product, in order of name."""
    return map(Module, sorted(PRODUCT.rglob("*.py")))
