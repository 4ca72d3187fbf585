"""What a manager told of its nodes' answers is followed and judged: stories that can be, and such as cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from evidence_given import CONFIG, at, evidence, fault

from momentum_trio.config.load import load_text
from momentum_trio.console.broadcast import ReplyState
from momentum_trio.mail.record import Authorized
from sim.admin import SHOW
from sim.checks.asked import Row, askings, differ, looks, rows_of, setting_of
from sim.checks.broadcasts_as_told import broadcasts_as_told
from sim.checks.configuration import known_schema
from sim.checks.configured_as_told import configured_as_told
from sim.checks.failed_set_changes_nothing import failed_set_changes_nothing
from sim.evidence import Evidence, Exchange, Lived
from sim.holding import Held
from sim.scenario import FaultKind, HostPlan, Program

SET, OTHER, WRONG, GET = (
    "config set Drain_Timeout 4",
    "config set Drain_Timeout 5",
    "config set Drain_Timeout soon",
    "config get Drain_Timeout",
)
SENT, DONE = "Sent to mx\n", "[mx]\nDrain_Timeout = 4\n"
FAILED, WAITING, GONE = "[mx] failed\nno\n", "[mx] has not answered yet\n", "[mx] left before it had answered\n"
MANAGER = HostPlan("mgr", ("10.0.0.30",), Program.ECCMGR)


class Story:
    """Lines said at the manager's console one a second from 1 s on, and what ``mx`` did."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.ran: list[Authorized] = []
        self.held: list[Held] = []
        self.hold(0.0, "")

    def say(self, line: str, answer: str = "", ok: bool | None = True, *, host: str = "mgr", life: int = 1) -> Story:
        began = len(self.exchanges) + 1.0
        ended = None if ok is None else began + 0.1
        self.exchanges.append(Exchange(host, life, 1, line, began, ended, ok, answer))
        return self

    def ask(self, command: str, ok: bool | None = True) -> Story:
        return self.say(f"broadcast {command}", SENT if ok else "", ok)

    def told(self, command: str, answer: str, *, ok: bool = True) -> Story:
        return self.say(f"retrieve {command}", answer, ok)

    def run(self, command: str, seconds: float, life: int = 1) -> Story:
        self.ran.append(Authorized(at(seconds), "cluster:ec_console", "/tmp/2025@#ec0-1#mgr", "", True, command))
        return self

    def hold(self, seconds: float, text: str, life: int = 1) -> Story:
        tree = load_text(f"{CONFIG}\n{text}", schema=known_schema())
        self.held.append(Held(seconds, "mx", life, tree))
        return self

    def found(self, **more: Any) -> list[str]:
        return [violation.text for violation in broadcasts_as_told(self.evidence(**more))]

    def evidence(self, **more: Any) -> Evidence:
        found = evidence(exchanges=self.exchanges, held=self.held, records=self.ran, **more)
        found.scenario = replace(found.scenario, hosts=(*found.scenario.hosts, MANAGER))
        found.lives.append(Lived("mx", -1.0, 1, -0.5))
        return found


def set_once() -> Story:
    return Story().ask(SET).run(SET, 1.05).hold(1.06, "Drain_Timeout = 4")


STORIES = {
    "done": (set_once().told(SET, DONE), ""),
    "done, and overwritten": (set_once().hold(1.07, "Drain_Timeout = 9").told(SET, DONE), ""),
    "done, and not made": (Story().ask(SET).run(SET, 1.05).told(SET, DONE), "did not have drain_timeout 4 in force"),
    "made before it was asked": (
        Story().hold(0.5, "Drain_Timeout = 4").hold(0.6, "").ask(SET).run(SET, 1.05).told(SET, DONE),
        "did not have drain_timeout 4 in force",
    ),
    "so already": (Story().hold(0.5, "Drain_Timeout = 4").ask(SET).run(SET, 1.05).told(SET, DONE), ""),
    "never run": (Story().ask(SET).hold(1.06, "Drain_Timeout = 4").told(SET, DONE), "has not run it"),
    "run afterwards": (Story().ask(SET).hold(1.06, "Drain_Timeout = 4").told(SET, DONE).run(SET, 9), "has not run it"),
    "refused": (Story().ask(WRONG).run(WRONG, 1.05).told(WRONG, FAILED), ""),
    "refused, and made": (set_once().told(SET, FAILED), "had drain_timeout 4 in force all the same"),
    "refused, and made by somebody else": (
        Story().ask(SET).run(SET, 1.05).say(SET, host="mx").hold(2.0, "Drain_Timeout = 4").told(SET, FAILED),
        "",
    ),
    "another's answer": (set_once().ask(WRONG).run(WRONG, 2.05).told(WRONG, DONE), "did not have drain_timeout soon"),
    "too busy": (
        Story().ask(SET).told(SET, "[mx] failed\n16 commands from the cluster are running here already\n"),
        "",
    ),
    "twice": (set_once().run(SET, 2.0).told(SET, DONE), "ran 'config set Drain_Timeout 4' 2 times"),
    "twice as asked": (set_once().ask(SET).run(SET, 2.05).told(SET, DONE), ""),
    "perhaps asked twice": (set_once().ask(SET, ok=None).run(SET, 2.05).told(SET, DONE), ""),
    "made twice": (
        set_once().hold(1.2, "Drain_Timeout = 9").hold(1.3, "Drain_Timeout = 4"),
        "made drain_timeout 4 hold 2 times",
    ),
    "made twice, in two lives": (set_once().hold(1.2, "", life=2).hold(1.3, "Drain_Timeout = 4", life=2), "2 times"),
    "taken back": (
        set_once().say("config rollback", host="mx").hold(1.2, "Drain_Timeout = 9").hold(1.3, "Drain_Timeout = 4"),
        "",
    ),
    "what held": (set_once().ask(GET).run(GET, 2.05).told(GET, DONE), ""),
    "what did not hold": (Story().ask(GET).run(GET, 1.05).told(GET, DONE), "had None in force"),
    "what is not set": (Story().ask(GET).run(GET, 1.05).told(GET, FAILED), ""),
    "what is set": (set_once().ask(GET).run(GET, 2.05).told(GET, FAILED), "had 4 in force"),
    "never asked": (Story().told(SET, DONE), "was not asked"),
    "never asked, and so told": (Story().told(SET, "", ok=False), ""),
    "of who is no node": (Story().ask(SET).told(SET, f"{WAITING}[mgr] has not answered yet\n"), "was not asked"),
    "flushed": (set_once().say("flush control cache").told(SET, DONE), "was not asked"),
    "flushed, and so told": (set_once().say("flush control cache").told(SET, "", ok=False), ""),
    "flushed, and perhaps asked later": (
        set_once().ask(SET, ok=None).say("flush control cache").run(SET, 3.5).told(SET, DONE),
        "",
    ),
    "asked, and told nothing": (set_once().told(SET, "", ok=False), "tells nothing of 'config set Drain_Timeout 4'"),
    "come anew": (set_once().say("config set cluster Heartbeats_Per_Sec 3").told(SET, "", ok=False), ""),
    "of another life": (set_once().say(f"retrieve {SET}", DONE, life=2), "was not asked"),
    "not answered yet": (Story().ask(SET).told(SET, WAITING), ""),
    "gone in a calm": (Story().ask(SET).told(SET, GONE), "was there all the time"),
    "nobody there in a calm": (Story().say(f"broadcast {SET}", "Sent to nobody\n"), "is not sent to mx"),
    "one node alone": (Story().say(f"unicast sink {SET}", "Sent to sink\n"), ""),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_is_told_is_what_was_done(name: str) -> None:
    story, said = STORIES[name]
    found = story.found()
    assert (len(found) == 0) is (said == ""), found
    assert all(said in text for text in found[:1])


def test_who_does_not_answer_in_a_calm_is_late() -> None:
    story = Story().ask(SET)
    for _ in range(5):
        story.say("info")
    assert any("is broken" in text for text in story.told(SET, WAITING).found())
    assert story.found(struck=[fault(FaultKind.PAUSE, "mx", at=0.5, ended=3.0)]) == []


@pytest.mark.parametrize("story", [Story().ask(SET).told(SET, GONE), Story().say(f"broadcast {SET}", "Sent to sink\n")])
def test_what_breaks_excuses(story: Story) -> None:
    assert len(story.found()) == 1
    assert story.found(struck=[fault(FaultKind.POWER, "mx", at=0.5, ended=3.0)]) == []
    assert len(story.found(struck=[fault(FaultKind.CLOCK_STEP, "mx", at=0.5, ended=3.0)])) == 1


def test_a_manager_that_nobody_answers_when_all_is_mended() -> None:
    assert Story().found(reached={"mgr": ""}) == []
    assert "does not get the answers of all nodes: no" in Story().found(reached={"mgr": "no"})[0]


def test_rows_of_an_answer() -> None:
    assert rows_of("[a]\nB = 1\n[c] failed\nx\ny\n[d] has not answered yet\n") == (
        Row("a", ReplyState.ANSWERED, "B = 1"),
        Row("c", ReplyState.FAILED, "x\ny"),
        Row("d", ReplyState.WAITING, ""),
    )


def test_whom_a_line_is_for() -> None:
    story = Story().say("unicast mx version", SENT).say("subcluster broadcast default version", SENT).ask("version")
    story.say("broadcast version", ok=False).say("retrieve_node mx version", DONE).say("retrieve version", ok=False)
    told = story.evidence()
    assert [(each.node, each.command, each.heard) for each in askings(told)] == [
        ("mx", "version", ("mx",)),
        ("", "version", ("mx",)),
        ("", "version", ("mx",)),
    ]
    assert [(each.node, len(each.rows)) for each in looks(told)] == [("mx", 1), ("", 0)]


@pytest.mark.parametrize("command", ["version", "config get A", "config unset A b", 'config set A "b', "config set"])
def test_what_sets_nothing(command: str) -> None:
    assert setting_of(command) is None


# beside somebody at the node's own console


def shown(story: Story, text: str, seconds: float) -> Story:
    """The console of ``mx`` shows that."""
    story.exchanges.append(Exchange("mx", 1, 9, SHOW, seconds, seconds + 0.1, True, f"{CONFIG} {text}", LISTENING))
    return story


LISTENING = frozenset({"0.0.0.0:25"})


def test_what_a_manager_was_asked_for_may_hold_or_not_until_it_tells() -> None:
    for text, wrong in (("", False), ("Drain_Timeout = 4", False), ("Drain_Timeout = 9", True)):
        asked = shown(Story().ask(SET), text, 2.0).evidence()
        assert bool(list(configured_as_told(asked))) is wrong
    told = shown(shown(set_once().told(SET, DONE), "Drain_Timeout = 4", 3.0), "", 4.0)
    assert len(list(configured_as_told(told.evidence()))) == 1  # it is done: it does not come, or go, any more
    untold = shown(shown(set_once().told(SET, WAITING), "", 3.0), "Drain_Timeout = 4", 4.0)
    assert list(configured_as_told(untold.evidence())) == []


def test_a_refused_command_is_not_blamed_for_what_a_manager_changed() -> None:
    struck = fault(FaultKind.CONSOLE, "mx", text=WRONG)
    for command, wrong in ((SET, False), ("config set Retry_Interval 9", True)):
        story = Story().ask(command).evidence()
        assert differ(story, "mx", CONFIG, f"{CONFIG} Drain_Timeout = 4") is wrong
        story.refused_commands.append((struck, CONFIG, f"{CONFIG} Drain_Timeout = 4"))
        assert bool(list(failed_set_changes_nothing(story))) is wrong
