"""What fails on purpose at one stage of a session (Inject_Failures)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from momentum_trio.config.chain import Chain
from momentum_trio.config.merged import Scope
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.failure_options import Failure, FailureOptions, Stage
from momentum_trio.machine.contract import Entropy
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.event import Event, Hello, Mail, Rcpt

MODULE = "inject"
DROPPED = Reply.of("421 4.4.2 connection dropped")
"""What the rejectlog says of a connection that ends without a word."""


def texts_of(event: Event | None, forward_paths: Iterable[str]) -> tuple[str, ...]:
    """The names and addresses that the patterns of a failure are held against at *event*.

    forward_paths: of the mail transaction, which is what content is for.
    """
    match event:
        case Hello():
            return (event.domain,)
        case Mail():
            return (event.reverse_path,)
        case Rcpt():
            return (event.forward_path,)
        case _:
            return tuple(forward_paths)


async def befalling(
    failures: tuple[Failure, ...],
    stage: Stage,
    texts: tuple[str, ...],
    entropy: Entropy,
    wait: Callable[[float], Awaitable[None]],
) -> Reply | None:
    """The reply to say at *stage* instead of ours; DROPPED: none, and the connection ends. None: all is well.

    Delays are waited for on the way, by *wait*; the first failure that is none decides. Nothing is drawn where nothing
    is left to chance.
    """
    for failure in failures:
        if failure.stage is not stage or not failure.concerns(*texts):
            continue
        if failure.percent < 100 and entropy.fraction() * 100 >= failure.percent:
            continue
        if failure.delay_seconds is None:
            return failure.reply or DROPPED
        await wait(failure.delay_seconds)
    return None


def on_purpose(tree: ConfigTree) -> tuple[str, ...]:
    """What an operator should hear who has left failures in his configuration."""
    listener = tree.root.child("esmtp_listener")
    peers = [] if listener is None else [scope.instance for scope in listener.walk() if _fails(scope)]
    more = f" and {len(peers) - 1} more" if len(peers) > 1 else ""
    return (f"Inject_Failures: sessions of {peers[0]}{more} fail on purpose",) if peers else ()


def _fails(scope: Scope) -> bool:
    return scope.kind == "peer" and bool(FailureOptions.resolve(Chain((scope,))).failures)
