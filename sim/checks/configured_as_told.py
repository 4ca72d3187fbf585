"""What a console answered is so: a change it took is made, whole and nothing else, and one it refused is not.

After a restart what the files say holds. Where the answer to a change never came, either is right. In the end, when all
is mended, a node takes its own files again, and its sockets listen where its configuration says.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..admin import SHOW
from ..evidence import Evidence, Violation
from .in_force import InForce, in_force

NAME = "configured_as_told"


def configured_as_told(evidence: Evidence) -> Iterator[Violation]:
    """One for each time the console showed, or took, what cannot be."""
    for host in dict.fromkeys(exchange.host for exchange in evidence.exchanges):
        held = in_force(evidence, host)
        for seconds, text in held.problems:
            yield Violation(NAME, text, seconds, host=host)
        yield from _deaf(evidence, host, held)
    for host, why in evidence.restored.items():
        if why:
            yield Violation(NAME, f"all is mended, and {host} does not take its files again: {why}", host=host)


def _deaf(evidence: Evidence, host: str, held: InForce) -> Iterator[Violation]:
    """The first time that sockets listened elsewhere than the configuration said, and nothing was under way."""
    for exchange in evidence.exchanges:
        if exchange.host == host and exchange.line == SHOW and exchange.ended is not None:
            configuration = held.at(exchange.began, exchange.ended)
            quiet = held.is_quiet(exchange.began, exchange.ended)
            if quiet and configuration is not None and configuration.sockets() != exchange.listening:
                there, wanted = ", ".join(sorted(exchange.listening)), ", ".join(sorted(configuration.sockets()))
                text = f"it listens at {there or 'nothing'}, and is to listen at {wanted or 'nothing'}"
                yield Violation(NAME, text, exchange.ended, host=host)
                return
