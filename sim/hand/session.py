"""One session: lines in, the world a little further, text out. Who reads and shows them is not its affair.

All that is shown is a function of scenario, seed and lines. What is only looked at changes nothing of the run; what is
done by hand is written down, so that the session can be saved as a scenario.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from .. import schedule
from ..draw import draw
from ..evidence import Result, Struck
from ..hermetic import unwatched
from ..measure import shown_seconds
from ..order import Order
from ..run import Course
from ..scenario import FAULTS_MAX, MAILS_MAX, Fault, FaultKind, Program, Scenario
from ..scenario_options import FAULTS
from ..show_words import mended
from . import line
from .awaited import Awaited
from .line import Misunderstood
from .played import instant, instants, lasting, later, played
from .standstill import Standstill
from .views import Views, clock, counted, fault, trace_line, visible

STEPS_MAX, TRACE_MAX, TRACE_LINES = 100_000, 1_000, 20
STEP_SECONDS_MAX = 600.0  # a step ends there, event or not
UNTIL_SECONDS = 60.0  # of waiting for something that may never come
ANSWER_SECONDS = 35.0  # for a console's answer: who asks gives up after 30
TOLD_SECONDS = 5.0  # for what a client is told of a mail sent by hand; a broken world may take longer
STOP_TALKING = "."

Keep = Callable[[Scenario, str, Result | None], object]
"""Write a scenario to a file; the result, when it was judged. Raises Misunderstood."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A command. act: does it with the words and the rest of the line. over: also when the run is over."""

    usage: str
    meaning: str
    act: Callable[[Session, Sequence[str], str], object]
    over: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """How far it was: lines of the trace, events, attempts, faults, complaints."""

    seconds: float
    lines: int
    events: int
    attempts: int
    violations: int


class Session:
    """One session with one run of *scenario*.

    ask: shows a prompt and gives the next line; None at the end. tell: shows a line. keep: see Keep.
    result: once it is judged, or failed. over: ended by ``quit``, or by the end of the lines.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        ask: Callable[[str], str | None],
        tell: Callable[[str], object],
        keep: Keep,
    ) -> None:
        self.scenario = scenario if scenario.concrete else draw(scenario, seed)
        self.result: Result | None = None
        self.over = False
        self._ask, self._tell, self._keep = ask, tell, keep
        self._course = Course(self.scenario, seed, keep_trace=True)
        self._course.by_hand = self._begin
        self._kernel = self._course.world.kernel
        self._still = Standstill(self._kernel, self._converse, self._course.break_off)
        self._views = Views(self._course)
        self._busy = instants(self.scenario.faults, self.scenario.mails)  # something else begins or ends there
        self._mails = list(self.scenario.mails)
        self._acted = -1.0  # when something was done by hand last
        self._talks_to = ""  # the host whose console gets every line
        self._afterwards: Callable[[], object] | None = None  # what is said when the world stands again
        self._judged = False

    @property
    def prompt(self) -> str:
        """Virtual time, and whom one talks to."""
        return f"{clock(self._course.now())}{self._talks_to and ' '}{self._talks_to}> "

    def run(self) -> None:
        """Until ``quit`` or the end of the lines."""
        result = self._course.run()
        if self._still.failure is not None:
            raise self._still.failure
        if not self.over:
            self.result = result
            self._talks_to = ""
            self._say_afterwards()
            self._tell_result(result)
            self._converse()

    def interrupt(self) -> None:
        """Have the world stand still as soon as it can. May be called from a signal handler."""
        self._still.want()

    def _begin(self) -> None:
        self._still.to(self._kernel.now)
        hosts = ", ".join(f"{plan.name} ({plan.program.value})" for plan in self.scenario.hosts)
        self._tell(f"{hosts}; seed {self._kernel.seed}.")
        self._tell(f"To come: {_size(self.scenario)}. The load begins; time stands still. help lists the commands.")

    # -- lines

    def _converse(self) -> None:
        self._say_afterwards()
        while not self.over:
            typed = self._ask(self.prompt)
            if self.take("quit" if typed is None else typed):
                return

    def take(self, typed: str) -> bool:
        """Do what a line says; whether the world is to go on, or the session is over."""
        try:
            if len(typed) > line.LINE_MAX:
                raise Misunderstood(f"a line has at most {line.LINE_MAX} characters")
            return self._do(typed.strip()) is True
        except Misunderstood as wrong:
            self._tell(f"{visible(str(wrong))}.".replace("?.", "?"))
            return False

    def _do(self, typed: str) -> object:
        if self._talks_to:
            if typed == STOP_TALKING:
                self._talks_to = ""
                return None
            return self._say(self._talks_to, typed) if typed else None
        if not typed or typed.startswith("#"):
            return None
        first, _, rest = typed.partition(" ")
        name, talks, said = typed.partition(">")
        if talks and " " not in name:
            first, rest = "console", f"{name} {said.strip()}"
        verb = VERBS[line.verb_in(first, VERBS)]
        if self.result is not None and not verb.over:
            raise Misunderstood("the run is over: save, trace, mail, disk, quit")
        return verb.act(self, rest.split(), rest.strip())

    # -- time

    def _mark(self) -> Mark:
        kernel, course = self._kernel, self._course
        attempts = len(course.evidence.attempts)
        return Mark(course.now(), len(kernel.lines), kernel.events_done, attempts, len(course.violations))

    def _at(self, seconds: float) -> float:
        """The kernel's time then."""
        return self._course.evidence.load_began + seconds

    def _say_afterwards(self) -> None:
        said, self._afterwards = self._afterwards, None
        if said is not None:
            said()

    def step(self, words: Sequence[str], _: str) -> bool:
        """``step [N]``."""
        if len(words) > 1:
            raise Misunderstood(VERBS["step"].usage)
        number = line.count(words[0], STEPS_MAX) if words else 1
        before = self._mark()

        def done() -> bool:
            return self._kernel.events_done >= before.events + number and not schedule.runnable_tasks()

        self._still.until(done, self._kernel.now + STEP_SECONDS_MAX)
        self._afterwards = lambda: self._tell_trace(before.lines)
        return True

    def go(self, words: Sequence[str], _: str) -> bool:
        """``run TIME``, ``run to TIME``, ``run until WORD [within TIME]``."""
        now = self._course.now()
        match words:
            case ["until", word]:
                return self._wait(word, UNTIL_SECONDS)
            case ["until", word, "within", text]:
                return self._wait(word, line.seconds(text))
            case ["to", text]:
                to = instant(line.seconds(text))
            case [text] if text not in ("to", "until"):
                to = instant(now + line.seconds(text))
            case _:
                raise Misunderstood(VERBS["run"].usage)
        if to < now:
            raise Misunderstood(f"it is {clock(now)} already")
        self._afterwards = partial(self._tell_passed, self._mark())
        self._still.to(self._at(to))
        return True

    def _wait(self, word: str, seconds: float) -> bool:
        awaited = Awaited(self._course, word)
        self._still.until(awaited, self._kernel.now + seconds)
        self._afterwards = partial(self._tell_found, self._mark(), awaited, f"No '{word}' within {seconds:g} s")
        return True

    def _tell_passed(self, before: Mark) -> None:
        """What happened since."""
        course, now = self._course, self._mark()
        told = Counter(attempt.told.value for attempt in course.evidence.attempts[before.attempts :])
        answers = ", ".join(f"{number} {what}" for what, number in sorted(told.items()))
        self._tell(f"{counted(now.events - before.events, 'event')}; clients were told: {answers or 'nothing'}.")
        moments = []
        for struck in course.stage.struck:
            if before.seconds < struck.began <= now.seconds and struck.fault.kind is not FaultKind.CONSOLE:
                moments.append((struck.began, fault(struck)))
            if struck.did and struck.ended is not None and struck.ended > max(before.seconds, struck.began):
                moments.append((struck.ended, mended(struck)))
        self._tell_all(f"  {clock(at)}: {said}" for at, said in sorted(moments, key=lambda moment: moment[0]))
        for violation in course.violations[before.violations :]:
            self._tell(f"  {clock(violation.seconds)}: {violation.host}: {violation.text}")

    def _tell_found(self, before: Mark, awaited: Awaited, otherwise: str) -> None:
        self._tell_passed(before)
        kinds = ", ".join(sorted(self._kernel.kinds))
        self._tell(awaited.found or f"{otherwise}. The trace has {kinds}.")

    # -- looking

    def _tell_all(self, lines: Iterable[str]) -> None:
        for each in lines:
            self._tell(each)

    def where(self, words: Sequence[str], _: str) -> None:
        """``where``."""
        if words:
            raise Misunderstood(VERBS["where"].usage)
        self._tell_all(self._views.where())

    def trace(self, words: Sequence[str], _: str) -> None:
        """``trace [N]``."""
        if len(words) > 1:
            raise Misunderstood(VERBS["trace"].usage)
        number = line.count(words[0], TRACE_MAX) if words else TRACE_LINES
        self._tell_trace(max(0, len(self._kernel.lines) - number))

    def _tell_trace(self, since: int) -> None:
        began = self._course.evidence.load_began
        self._tell_all(trace_line(each, began) for each in self._kernel.lines[since:][-TRACE_MAX:])

    def mail(self, words: Sequence[str], _: str) -> None:
        """``mail [NAME]``."""
        if len(words) > 1:
            raise Misunderstood(VERBS["mail"].usage)
        self._tell_all(self._views.mail(words[0]) if words else self._views.mails())

    def disk(self, words: Sequence[str], _: str) -> None:
        """``disk HOST [PATH]``."""
        if not 1 <= len(words) <= 2:
            raise Misunderstood(VERBS["disk"].usage)
        line.host(words[0], self.scenario)
        self._tell_all(self._views.disk(words[0], words[1] if len(words) == 2 else "/"))

    # -- doing

    def _instant(self) -> float:
        """When something may be done: now, or as soon as nothing else happens at that instant."""
        at = instant(self._course.now())
        standing = self._still.exact and self._at(at) == self._kernel.now
        while at <= self._acted or at in self._busy or not (standing or self._at(at) > self._kernel.now):
            at, standing = later(at), False
        self._acted = at
        return at

    def _struck_by(self, faults: Sequence[Fault]) -> list[Struck]:
        return [struck for struck in self._course.stage.struck if any(struck.fault is each for each in faults)]

    def strike(self, kind: FaultKind, words: Sequence[str]) -> bool:
        """``KIND TARGETS [AMOUNT] [for TIME]``."""
        stage, asked = self._course.stage, line.faults(kind, words, self.scenario)
        if len(stage.struck) + len(asked) > FAULTS_MAX:
            raise Misunderstood(f"there were {FAULTS_MAX} faults: that is enough")
        at = self._instant()
        faults = [replace(each, at_seconds=at) for each in asked]
        for each in faults:
            stage.plan(each)
        self._busy.update(instants(faults, ()))
        self._still.to(self._at(at))
        self._afterwards = lambda: self._tell_all(f"  {fault(struck)}" for struck in self._struck_by(faults))
        return True

    def heal(self, words: Sequence[str], _: str) -> bool:
        """``heal [HOST or FAULT ...]``."""
        kinds = {kind.value for kind in FaultKind}
        for word in words:
            if word not in kinds:
                line.host(word, self.scenario)
        chosen = [struck for struck, _ in self._course.stage.active if not words or _is_of(struck, words)]
        mendable = [struck for struck in chosen if struck.fault.kind is not FaultKind.POWER_AT_STEP]
        if not mendable:
            raise Misunderstood("there is nothing to heal" if not chosen else "power_at_step ends by itself")
        at = self._instant()
        for struck in mendable:
            struck.fault = replace(struck.fault, seconds=lasting(struck.fault.at_seconds, at))
            self._course.stage.plan_end(struck)
        self._still.to(self._at(at))
        self._afterwards = lambda: self._tell_all(f"  {mended(struck)}" for struck in mendable)
        return True

    def send(self, words: Sequence[str], _: str) -> bool:
        """``send FROM TO PATH... [octets N]``."""
        course = self._course
        if len(self._mails) >= MAILS_MAX:
            raise Misunderstood(f"there were {MAILS_MAX} mails: that is enough")
        numbered = (f"hand-{number}" for number in range(1, MAILS_MAX + 2))
        name = next(name for name in numbered if name not in course.stage.mails)
        asked = line.mail(words, replace(self.scenario, mails=tuple(self._mails)), name)
        mail = replace(asked, at_seconds=self._instant())
        self._mails.append(mail)
        course.stage.mails[name] = mail
        course.arrivals.expect(mail)
        course.send([mail])
        before = len(course.evidence.attempts)

        def told() -> bool:
            return any(attempt.mail is mail for attempt in course.evidence.attempts[before:])

        self._still.until(told, self._at(mail.at_seconds) + TOLD_SECONDS)
        patience = [f"  {name}: no answer yet; mail {name} says how it goes on"]
        self._afterwards = lambda: self._tell_all(self._views.mail(name) if told() else patience)
        return True

    def console(self, words: Sequence[str], rest: str) -> bool:
        """``console HOST [TEXT]``, ``HOST> [TEXT]``."""
        if not words:
            raise Misunderstood(VERBS["console"].usage)
        line.host(words[0], self.scenario, Program.ECELERITY)
        if len(words) == 1:
            self._talks_to = words[0]
            self._tell(f"Each line goes to the console of {words[0]}; a line with a dot ends that.")
            return False
        return self._say(words[0], rest[len(words[0]) :].strip())

    def _say(self, host: str, text: str) -> bool:
        asked = Fault(FaultKind.CONSOLE, self._instant(), (host,), text=text)
        self._course.stage.plan(asked)

        def answered() -> bool:
            return any(struck.answered or not struck.did for struck in self._struck_by([asked]))

        self._still.until(answered, self._at(asked.at_seconds) + ANSWER_SECONDS)
        self._afterwards = lambda: self._tell_answer(self._struck_by([asked])[0])
        return True

    def _tell_answer(self, struck: Struck) -> None:
        host = struck.fault.targets[0]
        if not struck.answered and not struck.did:
            self._tell(f"  {host} does not run: nobody answers.")
        elif not struck.answered:
            self._tell(f"  {host} has not answered within {ANSWER_SECONDS:g} s.")
        elif not struck.did:
            self._tell(f"  Nobody answers: {visible(struck.answer)}")
        else:
            self._tell_all(f"  {each}" for each in visible(struck.answer.rstrip("\n")).split("\n"))

    # -- the end

    def judge(self, words: Sequence[str], _: str) -> bool:
        """``judge``: the load ends, what is broken is mended, and so on as at the end of every run."""
        if words:
            raise Misunderstood(VERBS["judge"].usage)
        course = self._course
        owed = [owed.mail.at_seconds for sender in course.senders if course.begun(sender) for owed in sender.owed]
        last = max(owed, default=0.0)
        if last > course.now():  # a session that began has mails that are still to come
            raise Misunderstood(f"a session has mails until {clock(last)}: run to {shown_seconds(last)} first")
        at = self._instant()
        course.withdraw(at)
        due = [each for each in course.stage.to_come() if each.at_seconds <= at]
        sent = [mail for mail in self._mails if mail.at_seconds <= at]
        final = played(self.scenario, sent, course.stage.struck, due, at)
        self._kernel.at(self._at(at), course.end_load, final, rank=Order.END)
        self._judged = True
        self._still.let_go()
        return True

    def _tell_result(self, result: Result) -> None:
        for violation in result.violations:
            self._tell(f"  {violation.invariant} at {clock(violation.seconds)}: {visible(violation.text)}")
        drained = self._course.evidence.drained_after_seconds
        if drained is not None:
            self._tell(f"Everything arrived {clock(drained)} after it was mended; then the power failed once more.")
        self._tell(f"{result.verdict.name.capitalize()}. Digest {result.digest}")

    def save(self, words: Sequence[str], _: str) -> None:
        """``save FILE.sim``."""
        if len(words) != 1 or not words[0].endswith(".sim"):
            raise Misunderstood(VERBS["save"].usage)
        scenario = self._course.scenario if self._judged else self._so_far()
        with unwatched():
            self._keep(scenario, words[0], self.result)
        self._tell(f"{words[0]}: {_size(scenario)}")

    def _so_far(self) -> Scenario:
        """What happened, and what is still to come of what was drawn."""
        stage = self._course.stage
        end = max(self.scenario.duration_seconds, later(instant(self._course.now())))
        return played(self.scenario, self._mails, stage.struck, stage.to_come(), end)

    def quit(self, _: Sequence[str], __: str) -> bool:
        """``quit``."""
        self.over = True
        if self.result is None:
            self._still.let_go()
            self._course.break_off()
        return True

    # -- help

    def help(self, words: Sequence[str], _: str) -> None:
        """``help [COMMAND]``."""
        names = [line.verb_in(word, VERBS) for word in words] or list(VERBS)
        width = max(len(VERBS[name].usage) for name in VERBS)
        self._tell_all(f"  {VERBS[name].usage:{width}}  {VERBS[name].meaning}" for name in names)
        if not words:
            self._tell(
                "Times are 5, 5s, 250ms, 2m. A fault without «for» lasts until it is healed. # begins a comment."
            )

    def candidates(self, begun: str) -> list[str]:
        """What the last word of *begun* could be."""
        words = begun.split() if begun[-1:].isspace() else begun.split()[:-1]
        last = "" if begun[-1:].isspace() else (begun.split() or [""])[-1]
        hosts = [plan.name for plan in self.scenario.hosts]
        known = [*VERBS, *(f"{name}>" for name in hosts)]
        if words:
            known = [*hosts, "for", "to", "until", "octets", *self._course.stage.mails]
            if words[0] == "help":
                known = [*VERBS]
        return sorted({word for word in known if word.startswith(last)})


def _size(scenario: Scenario) -> str:
    mails, faults = counted(len(scenario.mails), "mail"), counted(len(scenario.faults), "fault")
    return f"{mails} and {faults} in {shown_seconds(scenario.duration_seconds)}"


def _is_of(struck: Struck, words: Sequence[str]) -> bool:
    return struck.fault.kind.value in words or any(target in words for target in struck.fault.targets)


def _verbs() -> dict[str, Verb]:
    verbs = {
        "step": Verb("step [N]", "one event further, or N; what the trace says of it", Session.step),
        "run": Verb(
            "run TIME | run to TIME | run until WORD [within TIME]",
            "further: for, or to, a time; to a trace line or record",
            Session.go,
        ),
        "where": Verb("where", "time, hosts, faults in force, spools, mailboxes, connections", Session.where),
        "trace": Verb("trace [N]", f"the last lines of the trace; {TRACE_LINES} of them", Session.trace, over=True),
        "mail": Verb("mail [NAME]", "what clients were told, and where mail lies", Session.mail, over=True),
        "send": Verb(line.SEND, "one more mail; FROM is a client or an address of one", Session.send),
        "heal": Verb("heal [HOST or FAULT ...]", "end faults: all, those of hosts, those of a kind", Session.heal),
        "console": Verb("console HOST [TEXT] | HOST> TEXT", "say TEXT to its admin console", Session.console),
        "disk": Verb("disk HOST [PATH]", "files, or what is in one", Session.disk, over=True),
        "judge": Verb("judge", "end the load, heal, drain, lose power, check", Session.judge),
        "save": Verb("save FILE.sim", "all that was done, as a scenario that does it again", Session.save, over=True),
        "quit": Verb("quit", "end", Session.quit, over=True),
        "help": Verb("help [COMMAND]", "this", Session.help, over=True),
    }
    for kind, form in FAULTS.items():
        if not form.has_text:
            verbs[kind.value] = Verb(line.usage(kind), form.meaning, _striker(kind))
    return verbs


def _striker(kind: FaultKind) -> Callable[[Session, Sequence[str], str], object]:
    return lambda session, words, _: session.strike(kind, words)


VERBS = _verbs()
"""Every command, by name."""
