"""From a failing run to the smallest scenario found that still fails in the same way.

Given a concrete scenario, its seed and the invariant it broke, simpler scenarios are tried one after the other, and one
that breaks the *same* invariant takes the place of what was there. Because taking something away shifts the order in
which everything else happens, each candidate is tried under several schedule seeds. It knows the domain: quiet links,
fewer faults, fewer messages, fewer hosts, plainer ones, faults mended early, round times, small letters with one
recipient. Nothing is random: the same failure shrinks to the same scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from .evidence import Result, Verdict
from .kernel import SimulationFailure
from .member_acts import MemberAct, Publish, act_of, text_of
from .scenario import (
    Behaviour,
    Expect,
    Fault,
    FaultKind,
    HostPlan,
    Leaving,
    LinkPlan,
    Mail,
    NamePlan,
    Program,
    Scenario,
)

T = TypeVar("T")

SCHEDULE_SEEDS = 4  # under which a candidate may fail
RUNS_MAX = 400  # of one shrinking, its last verification included
ROUNDS_MAX = 4  # through all passes; a round that changes nothing is the last
LATENCY_SECONDS = 0.001  # what a quiet link has
SMALL_OCTETS = (300, 5_000)  # sizes tried for a letter, the smallest first
ROUND_DIGITS = (0, 1, 2)  # decimals tried for a time
STEPS_TRIED = 60  # of the disk, at which the power is cut under a single message
CHANCES_TRIED = 40  # of syncs that fail, under a single message
NAMED_MAX = 4  # mails that the violation is about: each is tried alone
OFTEN = 0.5  # reads and writes are cut short, where that matters and there is a single message
BEFORE_SECONDS = 1.0  # that such a message comes after the fault was armed
TAIL_SECONDS = 1.0  # that a scenario goes on after its last event, where it may be shortened
PLAIN_OCTETS = 40  # of what a member publishes
ESCAPE = "escape"  # what an escape is called here: it is a verdict, not an invariant


Run = Callable[[Scenario, int], Result]  # ``run`` of run.py, or something that takes its place


class NotBroken(ValueError):
    """The scenario that is to be shrunk does not break the invariant."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What was found. seed: the schedule under which it fails; digest: of that run; history: what made it smaller."""

    scenario: Scenario
    seed: int
    invariant: str
    digest: str
    runs: int
    history: tuple[str, ...]


def broken(result: Result) -> tuple[str, ...]:
    """The names of the invariants a run broke, each once, the first one first."""
    names = [violation.invariant for violation in result.violations]
    if result.verdict is Verdict.ESCAPE:
        names.insert(0, ESCAPE)
    return tuple(dict.fromkeys(names))


def size(scenario: Scenario) -> str:
    """In words: how much there is in it."""
    acts, faults = len(scenario.acts), len(scenario.faults)
    counts = ((faults - acts, "fault"), (len(scenario.mails), "message"), (acts, "act"), (len(scenario.hosts), "host"))
    said = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count or name != "act"]
    return ", ".join(said)


def shrink(
    scenario: Scenario,
    seed: int,
    invariant: str,
    run: Run,
    *,
    runs_max: int = RUNS_MAX,
    sensible: Callable[[Scenario], bool] = lambda candidate: True,
    say: Callable[[str], object] = lambda line: None,
) -> Shrunk:
    """The smallest scenario found within *runs_max* runs that breaks *invariant*; *say* hears of every step.

    sensible: asked before a scenario with fewer hosts is run: others may mention those that are gone. A *run* whose
    results have evidence shows when each message was really sent, which helps.

    Raises: NotBroken, when *scenario* under *seed* and the other schedule seeds does not break it.
    """
    assert scenario.concrete, "only a concrete scenario can be shrunk"
    search = _Search(scenario, seed, invariant, run, runs_max - 1, sensible, say)
    if not search.try_(scenario, "as given"):
        raise NotBroken(f"{invariant} holds under seed {seed} and {SCHEDULE_SEEDS - 1} other schedules")
    for _ in range(ROUNDS_MAX):
        before = search.best
        for shorten in PASSES:
            shorten(search)
        if search.best == before or search.spent:
            break
    return search.verified()


class _Search:
    """The best candidate so far, and what trying costs."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        invariant: str,
        run: Run,
        runs_max: int,
        sensible: Callable[[Scenario], bool],
        say: Callable[[str], object],
    ) -> None:
        self.best = scenario
        self.seed = seed
        self.digest = ""
        self.runs = 0
        self.history: list[str] = []
        self.named: tuple[Mail, ...] = ()  # those that the violations are about
        self.sent_at: dict[str, tuple[float, ...]] = {}  # when it was tried to send each, the last time first
        self.rotten: tuple[Mail, ...] = ()  # those that a fault hit
        self.sensible = sensible
        self._invariant = invariant
        self._run = run
        self._runs_max = runs_max
        self._say = say
        self._seeds = tuple(seed + number for number in range(SCHEDULE_SEEDS))
        self._refused: dict[Scenario, None] = {}

    @property
    def mail(self) -> Mail | None:
        """The one that the first violation is about."""
        return self.named[0] if self.named else None

    @property
    def spent(self) -> bool:
        """Whether no run is left."""
        return self.runs >= self._runs_max

    def try_(self, candidate: Scenario, what: str, schedules: int = SCHEDULE_SEEDS) -> bool:
        """Whether *candidate* fails in the same way under one of *schedules* seeds; it is the best one then."""
        if candidate in self._refused or (candidate == self.best and self.digest):
            return False
        seeds = sorted(self._seeds, key=lambda each: each != self.seed)  # the one that failed last comes first
        for seed in seeds[:schedules]:
            if self.spent:
                return False
            self.runs += 1
            result = self._outcome(candidate, seed)
            if result is not None and self._invariant in broken(result):
                self.best, self.seed, self.digest = candidate, seed, result.digest
                self._look_at(result)
                self.history.append(what)
                self._say(f"run {self.runs}: {what}: {size(candidate)}, seed {seed}")
                return True
        if schedules == SCHEDULE_SEEDS:
            self._refused[candidate] = None
        return False

    def _look_at(self, result: Result) -> None:
        """Remember which mails it is about, and when those were sent."""
        names = [each.mail for each in result.violations if each.invariant == self._invariant and each.mail]
        mails = {mail.name: mail for mail in self.best.mails}
        self.named = tuple([mails[name] for name in dict.fromkeys(names) if name in mails][:NAMED_MAX])
        attempts = [] if result.evidence is None else result.evidence.attempts
        self.sent_at = {
            mail.name: tuple([each.began for each in reversed(attempts) if each.mail.name == mail.name])
            for mail in self.named
        }
        struck = [] if result.evidence is None else result.evidence.struck
        hit = [name for each in struck for name in each.mails]
        self.rotten = tuple([mail for mail in self.best.mails if mail.name in hit])

    def _outcome(self, candidate: Scenario, seed: int) -> Result | None:
        """None: the candidate makes no sense, or the run itself failed."""
        try:
            return self._run(candidate, seed)
        except (SimulationFailure, LookupError, ValueError):
            return None

    def verified(self) -> Shrunk:
        """Run the best once more, and hand it over."""
        self.runs += 1
        again = self._run(self.best, self.seed)
        if self._invariant not in broken(again) or again.digest != self.digest:
            raise SimulationFailure(f"seed {self.seed} of the shrunk scenario gave another run the second time")
        return Shrunk(self.best, self.seed, self._invariant, self.digest, self.runs, tuple(self.history))

    def first_of(self, candidates: Iterable[tuple[Scenario, str]]) -> bool:
        """Take the first of *candidates* that fails in the same way; they are in order of how much they simplify."""
        return any(self.try_(candidate, what) for candidate, what in candidates)

    def fewest(self, items: tuple[T, ...], with_items: Callable[[tuple[T, ...]], Scenario], what: str) -> None:
        """Delta debugging (Zeller's ddmin): a part of *items* none of which can be left out by itself."""
        if not items or self.try_(with_items(()), f"no {what}s"):
            return
        parts = 2
        while len(items) > 1 and not self.spent:
            for rest in _without_a_part(items, parts):
                if self.try_(with_items(rest), f"{what}s {len(items)} to {len(rest)}"):
                    items, parts = rest, max(parts - 1, 2)
                    break
            else:
                if parts == len(items):
                    return
                parts = min(parts * 2, len(items))


def _without_a_part(items: tuple[T, ...], parts: int) -> Iterator[tuple[T, ...]]:
    for number in range(parts):
        first, end = len(items) * number // parts, len(items) * (number + 1) // parts
        yield items[:first] + items[end:]


# -- the passes, in the order they are made


def _quiet(search: _Search) -> None:
    """No cut reads and writes, no jitter, no latency, no bounds, no clocks that differ: all at once, else singly."""
    best = search.best
    if search.try_(_with_quiet_hosts(replace(best, short_share=0.0, links=_quiet_links(best.links))), "all is quiet"):
        return
    search.try_(replace(best, short_share=0.0), "nothing cut short")
    for index, link in enumerate(search.best.links):
        links = search.best.links
        quiet = _quiet_links((link,))
        search.try_(
            replace(search.best, links=links[:index] + quiet + links[index + 1 :]), f"quiet {link.one}-{link.other}"
        )
    search.try_(_with_quiet_hosts(search.best), "clocks agree")


def _quiet_links(links: tuple[LinkPlan, ...]) -> tuple[LinkPlan, ...]:
    return tuple(
        [
            replace(link, latency_seconds=LATENCY_SECONDS, jitter_seconds=0.0, octets_per_second=0.0, loss=0.0)
            for link in links
        ]
    )


def _with_quiet_hosts(scenario: Scenario) -> Scenario:
    return replace(
        scenario, hosts=tuple([replace(host, clock_skew_seconds=0.0, clock_rate=1.0) for host in scenario.hosts])
    )


def _fewer_faults(search: _Search) -> None:
    search.fewest(search.best.faults, lambda faults: replace(search.best, faults=faults), "fault")


def _one_mail(search: _Search) -> None:
    """Only one mail that the violation is about, at the time it was sent: it may have waited for others until then."""
    best = search.best
    for mail in search.named if len(best.mails) > 1 else ():
        times = [mail.at_seconds, *[round(seconds, 6) for seconds in search.sent_at[mail.name]]]
        alone = [replace(best, mails=(replace(mail, at_seconds=seconds),)) for seconds in dict.fromkeys(times)]
        if search.first_of((each, f"only {mail.name}") for each in alone):
            return
        often = [replace(each, short_share=OFTEN) for each in alone if best.short_share]
        if search.first_of((each, f"only {mail.name}, cut short often") for each in often):
            return


def _one_mail_and_a_step(search: _Search) -> None:
    """Power cut at a step of the disk: with fewer messages that is another step, so each of the first is tried.

    So it is where the power fails at a time: with fewer messages the disk does something else then.
    """
    best, mail = search.best, search.mail
    cuts = [fault for fault in best.faults if fault.kind in (FaultKind.POWER_AT_STEP, FaultKind.POWER)]
    if mail is None or not cuts or (len(best.mails) == 1 and len(best.faults) <= 2):
        return
    fault = replace(
        cuts[0],
        kind=FaultKind.POWER_AT_STEP,
        at_seconds=0.0,
        seconds=min(cuts[0].seconds or TAIL_SECONDS, TAIL_SECONDS),
    )
    others = tuple([other for other in best.faults if other not in cuts])
    alone = replace(best, mails=(replace(mail, at_seconds=BEFORE_SECONDS),))
    for kept in dict.fromkeys(((), others[:1])):
        for amount in range(1, STEPS_TRIED + 1):
            candidate = replace(alone, faults=(*kept, replace(fault, amount=float(amount))))
            if search.try_(candidate, f"only {mail.name}, power cut at step {amount}", schedules=1):
                return


def _one_mail_and_a_chance(search: _Search) -> None:
    """Where syncs fail now and then, other chances: what is drawn for a fault depends on when it begins."""
    best, mail = search.best, search.mail
    for index, fault in enumerate(best.faults):
        if mail is None or fault.kind is not FaultKind.SYNC_ERROR or len(best.mails) <= 1:
            continue
        alone = replace(best, mails=(replace(mail, at_seconds=fault.at_seconds + BEFORE_SECONDS),))
        for number in range(CHANCES_TRIED):
            began = round(fault.at_seconds + number / 100, 2)
            chance = replace(fault, at_seconds=began, seconds=max(fault.seconds, 2 * BEFORE_SECONDS), amount=0.5)
            candidate = replace(alone, faults=(*best.faults[:index], chance, *best.faults[index + 1 :]))
            if search.try_(candidate, f"only {mail.name}, other chances", schedules=1):
                return


def _one_mail_and_a_sink_at_once(search: _Search) -> None:
    """Where a sink behaves so now and then: it does the first time, so that one message is enough to meet it."""
    best, mail = search.best, search.mail
    if mail is None or len(best.mails) <= 1:
        return
    alone = replace(best, mails=(mail,))
    for host in best.hosts:
        for behaviour in host.sink.behaviours:
            if behaviour.share < 1:
                once = _with_behaviour(alone, host.name, behaviour, (replace(behaviour, share=1.0, times=1),))
                if search.try_(once, f"only {mail.name}, {host.name} at once {behaviour.name}"):
                    return


def _no_descriptor_left(search: _Search) -> None:
    """Where descriptors run out: none is left from the beginning, so that one message is enough to miss one."""
    best, mail = search.best, search.mail
    for index, fault in enumerate(best.faults):
        if mail is not None and fault.kind is FaultKind.DESCRIPTORS and len(best.mails) > 1:
            faults = (*best.faults[:index], replace(fault, amount=0.0), *best.faults[index + 1 :])
            alone = (replace(mail, at_seconds=fault.at_seconds),)
            search.try_(replace(best, faults=faults, mails=alone), f"only {mail.name}, and no descriptor left")


def _a_mail_and_a_rotten_one(search: _Search) -> None:
    """The mail that the violation is about and one that rotted, both when that was sent, by sessions alike."""
    best, mail = search.best, search.mail
    if mail is None or len(best.mails) <= 2:
        return
    for rotten in search.rotten:
        for seconds in dict.fromkeys(search.sent_at[mail.name]):
            pair = [
                replace(each, at_seconds=round(seconds, 6), session=2 * number)
                for number, each in enumerate((rotten, mail))
            ]
            if rotten != mail and search.try_(replace(best, mails=tuple(pair)), f"only {rotten.name} and {mail.name}"):
                return


def _fewer_mails(search: _Search) -> None:
    search.fewest(search.best.mails, lambda mails: replace(search.best, mails=mails), "message")


def _fewer_hosts(search: _Search) -> None:
    """Leave a host out with all that mentions it; then have one take the part of another of the same program."""
    for host in search.best.hosts:
        if len(search.best.hosts) > 1:
            candidate = without_host(search.best, host.name)
            if search.sensible(candidate):
                search.try_(candidate, f"without {host.name}")
    for host in search.best.hosts:
        search.first_of(each for each in _merged(search.best, host) if search.sensible(each[0]))


def _plainer_sinks(search: _Search) -> None:
    """Sinks that behave in fewer ways."""
    for name in [host.name for host in search.best.hosts if host.sink.behaviours]:
        for behaviour in search.best.host(name).sink.behaviours:
            search.try_(_with_behaviour(search.best, name, behaviour, ()), f"{name} without {behaviour.name}")


def _with_behaviour(scenario: Scenario, name: str, behaviour: Behaviour, instead: tuple[Behaviour, ...]) -> Scenario:
    """*scenario* whose sink *name* has *instead* where it had *behaviour*."""

    def other(host: HostPlan) -> HostPlan:
        if host.name != name:
            return host
        place = host.sink.behaviours.index(behaviour)
        behaviours = (*host.sink.behaviours[:place], *instead, *host.sink.behaviours[place + 1 :])
        return replace(host, sink=replace(host.sink, behaviours=behaviours))

    return replace(scenario, hosts=tuple([other(host) for host in scenario.hosts]))


def without_host(scenario: Scenario, name: str) -> Scenario:
    """*scenario* without that host and everything that mentions it, by name or address."""
    expect, names = scenario.expect, (name, *scenario.host(name).addresses)
    return replace(
        scenario,
        hosts=tuple([host for host in scenario.hosts if host.name != name]),
        links=tuple([link for link in scenario.links if name not in (link.one, link.other)]),
        names=_without_name(scenario.names, name),
        mails=tuple([mail for mail in scenario.mails if mail.source != name and mail.target not in names]),
        faults=tuple([fault for fault in scenario.faults if name not in fault.targets]),
        expect=replace(expect, sufficient=tuple([each for each in expect.sufficient if each != name])),
    )


def _without_name(names: tuple[NamePlan, ...], host: str) -> tuple[NamePlan, ...]:
    """*names* that do not lead to *host* any more; one that led there alone is gone."""
    fewer = [
        replace(
            plan,
            hosts=tuple([each for each in plan.hosts if each != host]),
            mx=tuple([each for each in plan.mx if each.split()[-1].removesuffix(".").lower() != host]),
        )
        for plan in names
    ]
    pairs = zip(fewer, names, strict=True)
    return tuple([plan for plan, before in pairs if plan.hosts or plan.mx or plan.records or plan == before])


def _merged(scenario: Scenario, host: HostPlan) -> Iterator[tuple[Scenario, str]]:
    for other in scenario.hosts:
        if other.program is host.program is not Program.SINK and other.name != host.name:
            mails = tuple([_moved(mail, host, other) for mail in scenario.mails])
            merged = replace(scenario, mails=mails, faults=_moved_faults(scenario.faults, host.name, other.name))
            yield without_host(merged, host.name), f"{other.name} instead of {host.name}"


def _moved_faults(faults: tuple[Fault, ...], name: str, other: str) -> tuple[Fault, ...]:
    """*faults* of the other host; not those that lay between the two."""
    moved = [
        replace(fault, targets=tuple([other if target == name else target for target in fault.targets]))
        for fault in faults
    ]
    return tuple([fault for fault in moved if len(set(fault.targets)) == len(fault.targets)])


def _moved(mail: Mail, host: HostPlan, other: HostPlan) -> Mail:
    return replace(
        mail,
        source=other.name if mail.source == host.name else mail.source,
        target=other.name if mail.target in (host.name, *host.addresses) else mail.target,
        source_address="" if mail.source == host.name else mail.source_address,
    )


def _shorter_times(search: _Search) -> None:
    """Mend early, at round times; end soon after the last event."""
    for index in range(len(search.best.faults)):
        search.first_of(_changed_fault(search.best, index, _sooner(search.best.faults[index].seconds), "seconds"))
        search.first_of(
            _changed_fault(search.best, index, _rounder(search.best.faults[index].at_seconds), "at_seconds")
        )
        search.first_of(_changed_fault(search.best, index, _rounder(search.best.faults[index].amount), "amount"))
    for index in range(len(search.best.mails)):
        times = [0.0, *_rounder(search.best.mails[index].at_seconds)]
        search.first_of(_changed_mail(search.best, index, [("at_seconds", time) for time in times]))
    last = max(
        [fault.at_seconds + fault.seconds for fault in search.best.faults]
        + [mail.at_seconds for mail in search.best.mails],
        default=0.0,
    )
    duration = round(last + TAIL_SECONDS)
    if duration < search.best.duration_seconds:
        search.try_(replace(search.best, duration_seconds=float(duration)), f"ends after {duration} s")


def _sooner(seconds: float) -> list[float]:
    """Shorter or rounder durations, the shortest first; none for a kind without duration."""
    tried = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0]
    return [each for each in tried if each < seconds] + _rounder(seconds) if seconds else []


def _rounder(number: float) -> list[float]:
    """Numbers close to *number* with fewer digits, the fewest first. Not 0, which would mean something else."""
    rounded = [round(number, digits) for digits in ROUND_DIGITS]
    short = [each for each in dict.fromkeys(rounded) if each != 0 and len(f"{each:g}") < len(repr(number))]
    return [each for each in short if each != number]


def _changed_fault(
    scenario: Scenario, index: int, values: Iterable[float], name: str
) -> Iterator[tuple[Scenario, str]]:
    faults = scenario.faults
    for value in values:
        changed: Fault = replace(faults[index], **{name: value})  # type: ignore[arg-type]
        yield (
            replace(scenario, faults=(*faults[:index], changed, *faults[index + 1 :])),
            f"{changed.kind.value}: {name} {value:g}",
        )


def _smaller_mails(search: _Search) -> None:
    """One recipient, little content, not in chunks, a client that stays."""
    for index in range(len(search.best.mails)):
        mail = search.best.mails[index]
        if len(mail.forward_paths) > 1:
            search.first_of(
                _changed_mail(search.best, index, [("forward_paths", (path,)) for path in mail.forward_paths])
            )
        sizes = [octets for octets in SMALL_OCTETS if octets < mail.octets]
        search.first_of(_changed_mail(search.best, index, [("octets", octets) for octets in sizes]))
        search.first_of(_changed_mail(search.best, index, [("chunks", ()), ("chunks", mail.chunks[:1])]))
        search.first_of(_changed_mail(search.best, index, [("leaves", Leaving.NEVER)]))


def _changed_mail(
    scenario: Scenario, index: int, values: Iterable[tuple[str, object]]
) -> Iterator[tuple[Scenario, str]]:
    mails = scenario.mails
    for name, value in values:
        changed: Mail = replace(mails[index], **{name: value})  # type: ignore[arg-type]
        if changed != mails[index]:
            yield replace(scenario, mails=(*mails[:index], changed, *mails[index + 1 :])), f"{changed.name}: {name}"


def _smaller_acts(search: _Search) -> None:
    """One message each, and short."""
    for index, fault in enumerate(search.best.faults):
        act = act_of(fault.text) if fault.kind is FaultKind.MEMBER else None
        if isinstance(act, Publish):
            one, short = replace(act, count=1), replace(act, octets=PLAIN_OCTETS)
            plainer = (replace(one, octets=PLAIN_OCTETS), one, short)
            search.first_of(_with_act(search.best, index, each) for each in plainer if each != act)


def _with_act(scenario: Scenario, index: int, act: MemberAct) -> tuple[Scenario, str]:
    faults = scenario.faults
    changed = replace(faults[index], text=text_of(act))
    return replace(scenario, faults=(*faults[:index], changed, *faults[index + 1 :])), changed.text


def _plain_expectation(search: _Search) -> None:
    """What the run was not about need not be written down."""
    search.try_(replace(search.best, expect=Expect(without=search.best.expect.without)), "heal everything")


PASSES: tuple[Callable[[_Search], None], ...] = (
    _quiet,
    _one_mail,  # while every fault is there: without one of them it may take more mails
    _fewer_faults,
    _one_mail,
    _one_mail_and_a_step,
    _one_mail_and_a_chance,
    _one_mail_and_a_sink_at_once,
    _no_descriptor_left,
    _a_mail_and_a_rotten_one,
    _fewer_mails,
    _fewer_hosts,
    _plainer_sinks,
    _shorter_times,
    _smaller_mails,
    _smaller_acts,
    _plain_expectation,
)
