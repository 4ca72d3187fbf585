"""The list of behaviours is true: every one is in README.md, says what it is, and runs on both arms."""

from __future__ import annotations

from collections import Counter

from behaviours import README, behaviours, modules, text


def test_the_list_is_that_of_the_tests() -> None:
    assert README.read_text() == text(), "run tests/conformance/behaviours.py"


def test_every_behaviour_says_what_it_is() -> None:
    for module in modules():
        assert [name for name, function in behaviours(module) if not function.__doc__] == []


def test_no_name_twice_in_a_file_and_enough_of_them() -> None:
    names = Counter((module.__name__, name) for module in modules() for name, _ in behaviours(module))
    assert set(names.values()) == {1}
    assert len(names) >= 40


def test_both_arms_have_the_same_table() -> None:
    for module in modules():
        if hasattr(module, "BEHAVIOURS"):
            marks = [mark for test in vars(module).values() for mark in getattr(test, "pytestmark", ())]
            tables = [mark.args[1] for mark in marks if mark.name == "parametrize"]
            assert tables.count(module.BEHAVIOURS) == 2, module.__name__
