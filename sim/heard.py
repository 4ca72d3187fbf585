"""What sinks did, told outside of the simulated processes: the evidence that the product's records are judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .scenario import Turn


@dataclass(frozen=True, slots=True)
class Heard:
    """Something a sink did. at: the kernel's time. peer, local: address and port of both ends.

    turn: where in the session; forward_path: at RCPT, and at CONTENT and STORED one for each recipient. mail: the name
    in the content. reply: what was said; empty where nothing was. place: the file it was kept in.
    """

    host: str
    at: float
    turn: Turn
    peer: str
    local: str
    reply: str = ""
    reverse_path: str = ""
    forward_path: str = ""
    parameters: str = ""
    mail: str = ""
    place: str = ""


Note = Callable[[Heard], object]
