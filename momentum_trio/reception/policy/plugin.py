"""A user's module as a row of policy: bounded in time, and whatever goes wrong in it is answered 451 and told once.

A hook is bounded at its awaits. One that blocks the loop is named in the paniclog: it can be interrupted by nobody.
"""

from __future__ import annotations

import traceback
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from types import coroutine
from typing import Any

import trio

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.reception.policy.facts import Asked
from momentum_trio.reception.policy.phase import ARGUMENTS, CAN_DISCARD, CHOOSES_PATHWAY, IN_TRANSACTION, PolicyPhase
from momentum_trio.reception.policy.verdict import Bind, Continue, Defer, Discard, Done, Verdict

BLOCKED_SECONDS = 0.1  # of the loop, that a hook may take between two awaits
TOLD_AGAIN_SECONDS = 3600.0  # of one place
PLACES_MAX = 100  # told of and remembered
TRACE_CHARACTERS_MAX = 4000

FAULT = Defer("policy not available, please try later", enhanced="4.3.0")

Hook = Callable[..., Coroutine[Any, Any, object]]


class Plugin:
    """One module. name: of its scope. path, octets: the file and what stood in it; seconds: one call may take.

    arguments: of the scope. hooks: its functions, by phase.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        path: str,
        octets: bytes,
        seconds: float,
        arguments: tuple[tuple[str, str], ...],
        hooks: Mapping[PolicyPhase, Hook],
    ) -> None:
        self._machine = machine
        self.name, self.path, self.octets, self.seconds, self.arguments = name, path, octets, seconds, arguments
        self._hooks = hooks
        self.phases = frozenset(hooks)
        self._told: OrderedDict[str, float] = OrderedDict()  # places of faults, and when

    def is_of(self, path: str, octets: bytes, seconds: float, arguments: tuple[tuple[str, str], ...]) -> bool:
        """Whether it is what would be loaded from *path*: then it stays, with what its module remembers."""
        return (self.path, self.octets, self.seconds, self.arguments) == (path, octets, seconds, arguments)

    async def ask(self, phase: PolicyPhase, asked: Asked) -> Verdict:
        """As ``Row`` has it. Cancellation: the hook's."""
        arguments = [getattr(asked, argument) for argument in ARGUMENTS[phase]]
        try:
            with trio.move_on_after(self.seconds) as limit:
                verdict = await self._watched(phase, self._hooks[phase](*arguments))
        except (Exception, SystemExit) as fault:  # noqa: BLE001 (whatever it is, it is the module's)
            return self._failed(phase, fault)
        if limit.cancelled_caught:
            return self.complain(phase, f"took more than {self.seconds:g} seconds and was given up")
        if problem := _out_of_place(phase, verdict):
            return self.complain(phase, problem)
        assert isinstance(verdict, Verdict)
        return verdict

    def complain(self, phase: PolicyPhase, problem: str) -> Verdict:
        """As ``Row`` has it."""
        self._tell(f"{phase.value}: {problem}", f"{phase.value} {problem}", Level.ERROR)
        return FAULT

    def _failed(self, phase: PolicyPhase, fault: BaseException) -> Verdict:
        place = place_of(fault, self.path)
        trace = "".join(traceback.format_exception(fault))[-TRACE_CHARACTERS_MAX:]
        self._tell(f"{place} {type(fault).__name__}", f"{phase.value} failed at {place}\n{trace}", Level.ERROR)
        return FAULT

    def _watched(self, phase: PolicyPhase, running: Coroutine[Any, Any, object]) -> Awaitable[object]:
        def blocked(seconds: float) -> None:
            problem = f"{phase.value} blocked the host for {seconds:.1f} seconds: it has to await"
            self._tell(f"{phase.value} blocked", problem, Level.WARNING)

        return watched(running, self._machine.process.monotonic_microseconds, blocked)

    def _tell(self, place: str, problem: str, level: Level) -> None:
        """Say *problem*, unless the same of *place* was said lately."""
        now = trio.current_time()
        if self._told.get(place, -TOLD_AGAIN_SECONDS) + TOLD_AGAIN_SECONDS > now:
            return
        self._told[place] = now
        self._told.move_to_end(place)
        if len(self._told) > PLACES_MAX:
            self._told.popitem(last=False)
        said = f'policy "{self.name}" ({self.path}): {problem}'
        self._machine.events.publish(Panic(self._machine.clock.now(), level, said))


@coroutine
def watched(
    running: Coroutine[Any, Any, object], microseconds: Callable[[], int], blocked: Callable[[float], None]
) -> Generator[Any, Any, object]:
    """Await *running*; *blocked* is told of each stretch between two awaits that took too long."""
    resume: Callable[[Any], Any] = running.send
    value: Any = None
    while True:
        began = microseconds()
        try:
            wanted = resume(value)
        except StopIteration as end:
            return end.value
        finally:
            if (seconds := (microseconds() - began) / 1e6) > BLOCKED_SECONDS:
                blocked(seconds)
        try:
            value = yield wanted
            resume = running.send
        except BaseException as thrown:  # noqa: BLE001 (it is handed on, whatever it is)
            resume, value = running.throw, thrown


def place_of(fault: BaseException, path: str) -> str:
    """``/etc/x.py:12``, the innermost line of *path* that *fault* came through."""
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == path]
    if isinstance(fault, SyntaxError) and fault.filename == path:
        lines.append(fault.lineno)
    return f"{path}:{lines[-1]}" if lines else path


def _out_of_place(phase: PolicyPhase, verdict: object) -> str:
    """Why *verdict* is none of *phase*; empty: it is one."""
    if not isinstance(verdict, Verdict) or type(verdict) is Verdict:
        return f"returned {type(verdict).__name__}, and no verdict"
    wrong = (
        (isinstance(verdict, Bind) and phase is not PolicyPhase.SET_BINDING)
        or (isinstance(verdict, Discard) and phase not in CAN_DISCARD)
        or (isinstance(verdict, Continue) and verdict.fields and phase is not PolicyPhase.DATA)
        or (isinstance(verdict, Continue | Done) and verdict.pathway and phase not in CHOOSES_PATHWAY)
        or (verdict.message and phase not in IN_TRANSACTION)
    )
    return f"returned a {type(verdict).__name__} that {phase.value} does not have" if wrong else ""
