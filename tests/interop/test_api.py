"""The HTTP API of a real host: the examples of docs/api.md as they stand there, and what the standard library sends."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from host import Host, running
from peers import environment

pytestmark = pytest.mark.interop

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
EXAMPLE = re.compile(r"^```sh\n(?P<command>.*?)^```\n```json\n(?P<answer>.*?)^```$", re.MULTILINE | re.DOTALL)
LARGE_OCTETS = 3_000_000
ANY = "…"
LISTEN = "127.0.0.1:0"  # in place of the page's ":25"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with running(tmp_path_factory.mktemp("host"), more='HTTP_Listener { Listen "127.0.0.1:0" {} }') as host:
        yield host


def port_of(host: Host) -> int:
    found = re.search(r"HTTP_Listener\b.*?:(\d+)", host.said())
    assert found, host.said()
    return int(found[1])


def fits(found: Any, wanted: Any) -> bool:
    """Whether *found* is what an example shows; ``…`` stands for anything, and as a key for more of it."""
    if wanted == ANY:
        return found is not None and found != ""
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(fits, found, wanted))
    if isinstance(wanted, dict):
        keys = wanted.keys() - {ANY}
        return (found.keys() >= keys if ANY in wanted else found.keys() == keys) and all(
            fits(found[key], wanted[key]) for key in keys
        )
    return bool(found == wanted)


def test_the_examples_of_the_page_are_answered_as_it_says(host: Host) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not here")
    examples = list(EXAMPLE.finditer(PAGE.read_text()))
    assert len(examples) == 12
    for example in examples:
        command, answer = (example[part].replace("*:25", LISTEN) for part in ("command", "answer"))
        command = f"API=http://127.0.0.1:{port_of(host)}\n" + command.replace(" :25 ", f" {LISTEN} ")
        run = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, env=environment())
        assert run.returncode == 0, run.stderr
        assert fits(json.loads(run.stdout), json.loads(answer)), f"{command}\n{run.stdout.decode()}"
    seen = [message_from_bytes(each, policy=default) for each in host.wait_for_messages("bob", 3)]
    assert [each["To"] for each in seen if each["Subject"] == "Hello Bob"] == ["Bob <bob@example.com>"]
    [by_template] = host.wait_for_messages("ann", 1)
    assert b"\r\nSubject: Welcome Ann\r\n" in by_template
    assert not host.messages("later")


def test_large_content_in_chunks(host: Host) -> None:
    """By http.client: no length is told beforehand, and the host answers once it has it all."""
    body = b"Subject: large\r\n\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * (LARGE_OCTETS // 66)
    connection = http.client.HTTPConnection("127.0.0.1", port_of(host), timeout=60)
    pieces = (body[at : at + 60_000] for at in range(0, len(body), 60_000))
    path = "/api/v1/messages?return_path=&to=large@example.com"
    connection.request("POST", path, pieces, {"Content-Type": "message/rfc822"}, encode_chunked=True)
    answer = json.load(connection.getresponse())
    assert answer["results"][0]["reply"]["code"] == 250, answer
    (kept,) = host.wait_for_messages("large", 1)
    tail = kept[-len(body) :]
    assert (len(tail), tail == body) == (len(body), True)  # and not all of it in the report of a failure
    connection.request("GET", "/openapi.json")  # the same connection goes on
    assert json.load(connection.getresponse())["openapi"] == "3.1.0"
    connection.close()


def test_a_transmission_by_urllib(host: Host) -> None:
    request = {
        "return_path": "a@example.com",
        "recipients": [{"address": f"many-{n}@example.com"} for n in range(300)],
        "content": {"from": "a@example.com", "subject": "ü", "text": "ü"},
    }
    url = f"http://127.0.0.1:{port_of(host)}/api/v1/transmissions"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(request).encode(), headers), timeout=60) as said:
        results = json.load(said)["results"]
    assert results["total_accepted_recipients"] == len({each["id"] for each in results["recipients"]}) == 300
    host.wait_for_messages("many-299", 1)
