"""The httplog's lines as spec/logs.md has them, and back again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from momentum_trio.log import httplog, jsonlines
from momentum_trio.log.parse_httplog import Request, httplog_entry
from momentum_trio.log.reading import Unreadable
from momentum_trio.log.said import said
from momentum_trio.log.strategies import lines, requests
from momentum_trio.mail.record import Requested

SAMPLE = Requested(
    1700000000.5, "1", "*:2081", "192.0.2.9:18906", "POST", "/api/v1/transmissions", "1.0", 500, 332, 1.045, "ada"
)


def test_the_sample_of_the_manual() -> None:
    line = '1700000000 192.0.2.9:18906 *:2081 "POST api/v1/transmissions HTTP/1.0" 500 332 1045.000'
    assert httplog.requested(SAMPLE) == line


def test_the_line_in_the_paniclog() -> None:
    line = '1700000000:192.0.2.9 "POST api/v1/transmissions HTTP/1.0" 500 332 1045.000'
    assert httplog.in_paniclog(SAMPLE) == line


def test_json_has_the_user_too() -> None:
    read = json.loads(jsonlines.json_line(SAMPLE))
    assert (read["type"], read["user"], read["target"], read["status"]) == ("request", "ada", SAMPLE.target, 500)


@given(requests)
def test_what_is_written_is_read_back(record: Requested) -> None:
    line = httplog.requested(record)
    assert "\n" not in line
    assert httplog_entry(line) == said(record)


@given(lines)
def test_any_line_is_read_or_is_none(line: str) -> None:
    assert isinstance(httplog_entry(line), Request | Unreadable)


@pytest.mark.parametrize("line", ["", "1 a b c 200 1 1.000", '1 a b "c" 20 1 1.000', '1 a b "c" 200 1 1'])
def test_other_lines_are_none(line: str) -> None:
    assert isinstance(httplog_entry(line), Unreadable)
