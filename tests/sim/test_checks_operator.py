"""What an operator was told is followed and judged: stories that can be, and such as cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from evidence_given import BOB, CONFIG, CONFIG_PATH, MAIL_ONE, attempt, evidence, fault

from sim.admin import SHOW
from sim.checks.configured_as_told import configured_as_told
from sim.checks.explained_as_it_is import explained_as_it_is, questions
from sim.checks.in_force import in_force
from sim.checks.relay_denied import relay_denied
from sim.checks.welcomed import welcomed
from sim.evidence import Attempt, Evidence, Exchange, Lived, Told
from sim.reference_configuration import Configuration, Verdict, read
from sim.scenario import FaultKind

FIRST = read(CONFIG)
ANYWHERE = frozenset({"0.0.0.0:25"})
SET, COMMIT, CONFIRMED = "config set Drain_Timeout 4", "config commit", "config commit confirmed 5"
NEXT = CONFIG_PATH.replace("ecelerity", "next")


def shown(configuration: Configuration) -> str:
    """*configuration* as a text that reads like it."""

    def lines(path: tuple[tuple[str, str], ...]) -> str:
        words = [
            f"{name} = {value if isinstance(value, str) else '( ' + ' '.join(value) + ' )'}"
            for name, value in configuration.scopes[path].items()
        ]
        inside = [at for at in configuration.scopes if at[:-1] == path and at != path]
        return " ".join(
            [*words, *(f'{at[-1][0]} "{at[-1][1]}" {{ {lines(at)} }}' for at in inside if at[-1][1])]
        ) + " ".join(f"{at[-1][0]} {{ {lines(at)} }}" for at in inside if not at[-1][1])

    return lines(())


def with_options(**options: str) -> Configuration:
    found = FIRST
    for name, value in options.items():
        found = found.with_option((), name, value)
    return found


class Story:
    """Lines said one a second from 1 s on, in a first life that begins before."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.lives = [Lived("mx", -1.0, 1, -0.5)]

    def say(self, line: str, ok: bool | None = True, session: int = 1, answer: str = "", took: float = 0.5) -> Story:
        began = len(self.exchanges) + 1.0
        ended = None if ok is None else began + took
        life = 0 if session < 0 else self.lives[-1].number
        self.exchanges.append(Exchange("mx", life, session, line, began, ended, ok, answer, ANYWHERE))
        return self

    def show(self, configuration: Configuration, listening: frozenset[str] = ANYWHERE) -> Story:
        self.say(SHOW, session=99, answer=shown(configuration))
        self.exchanges[-1].listening = listening
        return self

    def restart(self) -> Story:
        at = len(self.exchanges) + 0.9
        self.lives[-1].ended = at - 0.1
        self.lives.append(Lived("mx", at, self.lives[-1].number + 1, at + 0.05))
        return self

    def later(self, seconds: int) -> Story:
        for _ in range(seconds):
            self.say("summary")
        return self

    def told(self, *attempts: Attempt, **more: Any) -> Evidence:
        return evidence(*attempts, exchanges=self.exchanges, lives=self.lives, **more)


CHANGED = with_options(drain_timeout="4")
BOTH = with_options(drain_timeout="4", retry_interval="9")
STORIES = {  # lines: what the console may show after them, and what it may not
    "nothing": (Story(), [FIRST], [CHANGED]),
    "a set that was taken": (Story().say(SET), [CHANGED], [FIRST, BOTH]),
    "a set that was refused": (Story().say(SET, ok=False), [FIRST], [CHANGED]),
    "a set that nobody heard of": (Story().say(SET, ok=None), [FIRST, CHANGED], [BOTH]),
    "set and unset": (Story().say(SET).say("config unset Drain_Timeout"), [FIRST], [CHANGED]),
    "in a transaction": (Story().say("config begin").say(SET), [FIRST], [CHANGED]),
    "committed": (Story().say("config begin").say(SET).say(COMMIT), [CHANGED], [FIRST]),
    "a commit refused": (Story().say("config begin").say(SET).say(COMMIT, ok=False), [FIRST], [CHANGED]),
    "rolled back": (
        Story().say("config begin").say(SET).say("config rollback").say(COMMIT, ok=False),
        [FIRST],
        [CHANGED],
    ),
    "of another session": (
        Story().say("config begin").say(SET).say("config set Retry_Interval 9", session=2).say(COMMIT),
        [BOTH],
        [FIRST, CHANGED],
    ),
    "not confirmed yet": (Story().say("config begin").say(SET).say(CONFIRMED), [CHANGED], [FIRST]),
    "not confirmed in time": (Story().say("config begin").say(SET).say(CONFIRMED).later(9), [FIRST, CHANGED], [BOTH]),
    "not confirmed at all": (Story().say("config begin").say(SET).say(CONFIRMED).later(80), [FIRST], [CHANGED]),
    "confirmed": (
        Story().say("config begin").say(SET).say(CONFIRMED).say("config confirm", session=2).later(80),
        [CHANGED],
        [FIRST],
    ),
    "taken back at once": (
        Story().say("config begin").say(SET).say(CONFIRMED).say("config rollback", session=2),
        [FIRST],
        [CHANGED],
    ),
    "a restart": (Story().say(SET).restart(), [FIRST], [CHANGED]),
    "written back and a restart": (Story().say(SET).say("config writeback").restart(), [CHANGED], [FIRST]),
    "perhaps written back and a restart": (
        Story().say(SET).say("config writeback", ok=None).restart(),
        [FIRST, CHANGED],
        [BOTH],
    ),
    "perhaps written back over a file": (
        Story()
        .say(SET)
        .say("config writeback", ok=None)
        .show(CHANGED)
        .say(f"replace {CONFIG_PATH} {shown(FIRST)}", session=-1)
        .say("config reload"),
        [FIRST, CHANGED],
        [BOTH],
    ),
    "a file that is read": (
        Story().say(f"replace {CONFIG_PATH} {shown(CHANGED)}", session=-1).say("config reload"),
        [CHANGED],
        [FIRST],
    ),
    "a file that is not read": (
        Story().show(FIRST).say(f"replace {CONFIG_PATH} {shown(CHANGED)}", session=-1),
        [FIRST],
        [CHANGED],
    ),
    "a file that a node may have read that starts": (
        Story().say(f"replace {CONFIG_PATH} {shown(CHANGED)}", session=-1),
        [FIRST, CHANGED],
        [BOTH],
    ),
    "a file that is read at the next start": (
        Story().say(f"replace {CONFIG_PATH} {shown(CHANGED)}", session=-1).show(FIRST).restart(),
        [CHANGED],
        [FIRST],
    ),
    "another file until a restart": (
        Story().say(f"file {NEXT} {shown(CHANGED)}", session=-1).say("config reload next.conf").restart(),
        [FIRST],
        [CHANGED],
    ),
    "another file": (
        Story().say(f"file {NEXT} {shown(CHANGED)}", session=-1).say("config reload next.conf"),
        [CHANGED],
        [FIRST],
    ),
    "what is not understood": (Story().say('config set Binding_Group "x" Binding "y" A 1'), [FIRST, CHANGED, BOTH], []),
    "what is not understood, and refused": (
        Story().say('config set Binding_Group "x" Binding "y" A 1', ok=False),
        [FIRST],
        [CHANGED],
    ),
    "from scratch": (Story().say("config begin from scratch"), [FIRST, CHANGED], []),
    "a file that includes others": (
        Story().say(f"file {NEXT} include more.conf", session=-1).say("config reload next.conf"),
        [FIRST, CHANGED],
        [],
    ),
    "a file of which nothing is known": (Story().say("config reload other.conf"), [FIRST, CHANGED], []),
    "a reload drops changes": (Story().say(SET).say("config reload"), [FIRST], [CHANGED]),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_may_hold_after_what_was_said(name: str) -> None:
    story, may, not_may = STORIES[name]
    for configuration, wrong in [*((each, False) for each in may), *((each, True) for each in not_may)]:
        told = Story()
        told.exchanges, told.lives = [*story.exchanges], story.lives
        found = list(configured_as_told(told.show(configuration).told()))
        assert bool(found) is wrong, found


def test_a_file_that_is_cut_short_is_not_taken() -> None:
    story = Story().say(f"file {NEXT} Hostname = ( mx", session=-1)
    assert list(configured_as_told(story.say("config reload next.conf", ok=False).show(FIRST).told())) == []
    taken = Story().say(f"file {NEXT} Hostname = ( mx", session=-1).say("config reload next.conf")
    assert [each.text for each in configured_as_told(taken.told())] == [f"{NEXT} is no configuration, and was taken"]
    over_it = Story().say(SET).say("config writeback", ok=None).show(CHANGED)  # whose answer nobody awaited
    over_it.say(f"file {CONFIG_PATH} Hostname = ( mx", session=-1).say("config reload")
    assert list(configured_as_told(over_it.show(CHANGED).told())) == []


def test_two_commits_at_once_come_in_either_order() -> None:
    story = Story().say("config begin").say("config begin", session=2).say(SET)
    story.say("config set Retry_Interval 9", session=2).say(COMMIT).say(COMMIT, session=2)
    story.exchanges[-1].began = story.exchanges[-2].began
    may = in_force(story.told(), "mx").during(5.1, 5.2)
    assert all(each in may for each in (FIRST, CHANGED, BOTH, with_options(retry_interval="9")))
    assert in_force(story.told(), "mx").at(7.0, 8.0) == BOTH


@pytest.mark.parametrize(
    ("told", "holds"),
    [
        ((3, 4), "5"),  # who sets what holds already was first: both are right to be told yes
        ((4, 3), "4"),  # he came last: whether he may is for first_commit_wins to say, and this is what holds then
    ],
)
def test_of_two_commits_at_once_the_later_generation_holds(told: tuple[int, int], holds: str) -> None:
    def story() -> Story:
        begun = Story().say(SET).say("config begin").say("config begin", session=2).say(SET)
        begun.say("config set Drain_Timeout 5", session=2)
        for session, generation in enumerate(told, 1):
            begun.say(COMMIT, session=session, answer=f"Committed: 1 change. Generation {generation} holds.\n")
        begun.exchanges[-1].began = begun.exchanges[-2].began
        return begun

    for value in ("4", "5"):
        found = list(configured_as_told(story().show(with_options(drain_timeout=value)).told()))
        assert bool(found) is (value != holds), found


def test_a_node_that_does_not_take_its_files_again() -> None:
    assert list(configured_as_told(Story().show(FIRST).told(restored={"mx": ""}))) == []
    (found,) = configured_as_told(Story().show(FIRST).told(restored={"mx": "no"}))
    assert "does not take its files again: no" in found.text


def test_sockets_listen_where_the_configuration_says() -> None:
    (found,) = configured_as_told(Story().show(FIRST, frozenset()).told())
    assert found.text == "it listens at nothing, and is to listen at 0.0.0.0:25"
    lost = Story().say("config set esmtp_listener listen 10.0.0.25:25 enable true", ok=None)
    assert list(configured_as_told(lost.show(FIRST, ANYWHERE | {"10.0.0.25:25"}).told())) == []


# explanations

QUESTION = f"config explain 10.0.0.7 to 10.0.0.25:25 from sender@client.example rcpt {BOB}"
TAKEN = f"\n  > RCPT TO:<{BOB}>\n  < 250 2.1.5 RCPT TO accepted.\n"
DENIED = f"\n  > RCPT TO:<{BOB}>\n  < 550 5.7.1 no\n"
NOBODY = "10.0.0.7 has no session at 10.0.0.25:25: it is disabled"
SHUT = "config set esmtp_listener listen :25 enable false"


@pytest.mark.parametrize(
    ("answer", "told", "wrong"),
    [
        (TAKEN, Verdict.TAKEN, 0),
        (DENIED, Verdict.DENIED, 1),
        (NOBODY, Verdict.NOBODY, 1),
        ("something else", None, 0),
    ],
)
def test_an_explanation_is_as_the_configuration_says(answer: str, told: Verdict | None, wrong: int) -> None:
    evidence_of = Story().say(QUESTION, answer=answer).told()
    assert [each.told for each in questions(evidence_of)] == ([] if told is None else [told])
    assert len(list(explained_as_it_is(evidence_of))) == wrong


def test_an_explanation_of_a_place_that_is_shut() -> None:
    assert list(explained_as_it_is(Story().say(SHUT).say(QUESTION, ok=False, answer=NOBODY).told())) == []
    assert len(list(explained_as_it_is(Story().say(SHUT).say(QUESTION, answer=TAKEN).told()))) == 1


def test_an_explanation_is_what_a_session_gets() -> None:
    got = replace(attempt(MAIL_ONE, Told.REFUSED, paths=[]), refused_paths=((BOB, "550 5.7.1 relaying denied"),))
    story = Story().say(QUESTION, answer=TAKEN)
    (found,) = explained_as_it_is(story.told(replace(got, connected=9.9)))
    assert found.text.endswith("tells 'taken', and one is 'denied'")
    assert list(explained_as_it_is(story.told(attempt(MAIL_ONE)))) == []
    changed = Story().say(QUESTION, answer=TAKEN).say("config set Relay_Domains ( )").told(replace(got, connected=9.9))
    assert list(explained_as_it_is(changed)) == []


# who connects

REFUSED = "[Errno 111] Connection refused"


def turned_away(story: Story, at: float = 10.0, reply: str = REFUSED, **more: object) -> int:
    one = replace(attempt(MAIL_ONE, Told.DEFERRED, reply, at=at, paths=[]), connected=at)
    return len(list(welcomed(story.told(one, **more))))


def test_who_connects_where_it_listens_is_let_in() -> None:
    assert turned_away(Story().say("summary")) == 1
    assert turned_away(Story().say("summary"), reply="[Errno 104] Connection reset by peer") == 1
    assert turned_away(Story().say("summary"), reply="421 4.3.2 later") == 0
    assert turned_away(Story().say(SHUT)) == 0
    assert turned_away(Story().say(SHUT), at=1.2) == 0  # either is right
    assert turned_away(Story().say("config begin from scratch")) == 0  # nobody knows
    assert turned_away(Story().say(SHUT, ok=False)) == 1
    assert turned_away(Story().say("summary"), at=-0.8) == 0  # it is not up yet
    assert turned_away(Story().say("summary"), struck=[fault(FaultKind.PAUSE, at=4.0, ended=6.0)]) == 0


def test_relaying_is_judged_by_what_held_then() -> None:
    took = replace(attempt(MAIL_ONE), connected=10.0)
    said = [fault(FaultKind.CONSOLE, at=0.5, text="config set relay_domains ( )")]
    assert list(relay_denied(Story().say("config set Relay_Domains ( )", ok=False).told(took, struck=said))) == []
    assert len(list(relay_denied(Story().say("config set Relay_Domains ( )").told(took, struck=said)))) == 1
    assert list(relay_denied(Story().say("config set Relay_Domains ( )", ok=None).told(took, struck=said))) == []
