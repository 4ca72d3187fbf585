"""The HTTP API of a whole node: roles are a console's, limits and custody a session's; what waits outlives a crash."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
from http_api import CONFIG, MESSAGE, OPEN, Api, told, transmission

from momentum_trio.machine import Machine

SWITCH = {"listener": "ESMTP_Listener", "listen": "*:25", "enabled": False}


async def _now(machine: Machine) -> float:
    return machine.clock.now()


def test_who_may_do_what_is_what_the_roles_of_the_console_say() -> None:
    async def story(api: Api) -> None:
        for method, path, body, status in (
            ("GET", "/api/v1/listeners", None, 200),
            ("GET", "/api/v1/sessions", None, 403),
            ("GET", "/api/v1/queues", None, 403),
            ("GET", "/api/v1/queues/example.com", None, 403),
            ("GET", "/api/v1/summary", None, 403),
            ("GET", "/api/v1/paniclog", None, 403),
            ("GET", "/api/v1/messages/00/00-00001-C6DD1CA4", None, 403),
            ("DELETE", "/api/v1/messages/00/00-00001-C6DD1CA4", None, 403),
            ("GET", "/api/v1/config/eval?words=esmtp_listener+Idle_Time", None, 200),
            ("GET", "/api/v1/config/eval?words=esmtp_listener+Timeout", None, 403),
            ("GET", "/api/v1/config/get?words=esmtp_listener+Idle_Time", None, 403),
            ("PATCH", "/api/v1/listeners", SWITCH, 403),
            ("PATCH", "/api/v1/listeners", SWITCH | {"listen": "*:26"}, 404),  # he may see which there are
            ("POST", "/api/v1/console", {"commands": ["config set esmtp_listener Idle_Time 1"]}, 403),
        ):
            assert (await api.ask(method, path, body, user="ann")).status == status, (method, path)
        said = await api.ask("POST", "/api/v1/console", {"commands": ["version", "summary", "version"]}, user="ann")
        assert [each["failed"] for each in said.said["results"]] == [False, True]
        assert (await api.ask("PATCH", "/api/v1/listeners", SWITCH, user="bob")).said["results"]["state"] == "disabled"
        await trio.sleep(2)  # the log is written

    site = told(story)
    accounts = [line.split("@") for line in site.mx.store.octets("/var/log/accounts").decode().splitlines()]
    line = "config set esmtp_listener listen *:25 Enable false"
    assert [(fields[4], fields[5]) for fields in accounts if fields[1] == "Z" and fields[6] == line] == [
        ("ann", "0"),
        ("bob", "1"),
    ]


def test_a_listen_is_switched_off_and_on() -> None:
    async def story(api: Api) -> None:
        assert (await api.site.talk("QUIT"))[1][:3] == "221"
        assert (await api.ask("PATCH", "/api/v1/listeners", SWITCH)).said["results"]["state"] == "disabled"
        with pytest.raises(ConnectionRefusedError):
            await api.site.talk("QUIT")
        assert (await api.ask("PATCH", "/api/v1/listeners", SWITCH | {"enabled": True})).said["results"][
            "bound"
        ] == "*:25"
        assert (await api.site.talk("QUIT"))[1][:3] == "221"

    told(story)


def test_a_proved_user_may_send_anywhere_and_nobody_else() -> None:
    async def story(api: Api) -> None:
        refused = await api.inject("to=joe@elsewhere.example&to=bob@example.com&to=x")
        codes = [each["reply"]["code"] for each in refused.said["results"][0]["recipients"]]
        assert (refused.status, codes) == (200, [550, 250, 501])
        nobody = await api.inject("to=joe@elsewhere.example")
        assert (nobody.status, nobody.errors) == (403, [("recipient_refused", "to[0]")])
        assert (await api.inject("to=joe@elsewhere.example", user="ann")).status == 200
        assert (await api.ask("GET", "/api/v1/queues", user="ann")).status == 403  # mail needs no role

    told(story)


@pytest.mark.parametrize(
    ("path", "body", "status", "errors"),
    [
        ("to=bob", MESSAGE, 422, [("recipient_refused", "to[0]")]),
        ("", MESSAGE, 422, [("invalid_request", "to")]),
        ("to=bob@example.com&from=x", MESSAGE, 422, [("invalid_request", "from")]),
        ("to=bob@example.com&return_path=x", MESSAGE, 422, [("invalid_request", "return_path")]),
        ("to=bob@example.com&parameters=SIZE=x", MESSAGE, 422, [("recipient_refused", "to[0]")]),
        ("to=bob@example.com%0D%0ARCPT%20TO:<c@example.com>", MESSAGE, 400, [("bad_request_target", "")]),
        ("to=bob@example.com", b"no field\r\n", 422, [("recipient_refused", "to[0]")]),
        ("to=bob@example.com", b"Subject: x\r\n\r\n" + b"x" * 2000, 413, [("recipient_refused", "to[0]")]),
        ("to=bob@example.com", b"Subject: x\r\n\r\n" + b"x" * 70_000, 413, [("message_too_large", "")]),
    ],
)  # fmt: skip
def test_mail_that_is_not_taken(path: str, body: bytes, status: int, errors: list[tuple[str, str]]) -> None:
    async def story(api: Api) -> None:
        answer = await api.inject(path, body)
        assert (answer.status, answer.errors) == (status, errors)
        await trio.sleep(1)
        assert await api.site.mailbox("bob") == []

    told(story, CONFIG.replace(f'{OPEN}" {{', f'{OPEN}" {{ Pathway = small'))


def test_a_full_disk_is_a_time_to_come_again() -> None:
    async def story(api: Api) -> None:
        api.site.mx.store.fill()
        for answer in (
            await api.inject(),
            await api.ask("POST", "/api/v1/transmissions", transmission("bob@example.com")),
        ):
            assert (answer.status, {code for code, _ in answer.errors}) == (503, {"recipient_deferred"})

    told(story)


def test_each_recipient_fares_by_himself() -> None:
    async def story(api: Api) -> None:
        bad = {"address": "bad@example.com", "substitution_data": {"n": "1\r\nBcc: x@y"}}
        good = {"address": "good@example.com", "substitution_data": {"n": 2}}
        request = transmission(bad, good, "nobody")
        assert (await api.ask("POST", "/api/v1/transmissions", request)).errors == [
            ("invalid_request", "recipients[2].address")
        ]
        request = transmission(bad, good, "joe@elsewhere.example", campaign_id="c")
        answer = await api.ask("POST", "/api/v1/transmissions?num_rcpt_errors=1", request)
        results = answer.said["results"]
        assert (results["total_accepted_recipients"], results["total_rejected_recipients"]) == (1, 2)
        assert [each["field"] for each in results["rcpt_to_errors"]] == ["recipients[0]: content.subject"]
        assert [each["reply"]["code"] for each in results["recipients"]] == [554, 250, 550]
        await trio.sleep(1)
        [message] = await api.site.mailbox("good")
        assert b"\nSubject: Hi 2\n" in message
        assert b" with REST\n" in message
        request = transmission(bad, bad)
        assert (await api.ask("POST", "/api/v1/transmissions", request)).status == 422

    told(story)


def test_what_is_to_be_sent_later_outlives_a_crash_and_can_be_withdrawn() -> None:
    async def story(api: Api) -> None:
        site = api.site
        begins = int(await site.mx.call(_now)) + 3600
        when = {"options": {"start_time": datetime.fromtimestamp(begins, UTC).isoformat()}}
        later = await api.ask(
            "POST", "/api/v1/transmissions", transmission("bob@example.com", "ann@example.com", **when)
        )
        first, second = (each["id"] for each in later.said["results"]["recipients"])
        site.mx.kill()
        await site.boot()
        page = (await api.ask("GET", "/api/v1/queues/example.com")).said
        assert {each["message_id"] for each in page["results"]} == {first, second}
        details = (await api.ask("GET", f"/api/v1/messages/{first}?part=full")).said["results"]
        assert details["next_attempt"] == pytest.approx(begins, abs=1)
        assert details["content"].endswith("\nHi \n")
        assert (await api.ask("DELETE", f"/api/v1/messages/{second}?quiet=true")).status == 200
        assert (await api.ask("GET", f"/api/v1/messages/{second}")).status == 404
        await trio.sleep(begins - await site.mx.call(_now) - 1)
        assert await site.mailbox("bob") == []
        await trio.sleep(2)
        assert len(await site.mailbox("bob")) == 1
        assert await site.mailbox("ann") == []

    told(story)


def test_pages() -> None:
    async def story(api: Api) -> None:
        when = {"options": {"start_time": "2026-12-31T00:00:00+01:00"}}
        recipients = [f"a@{n}.example.com" for n in range(7)]
        answer = await api.ask("POST", "/api/v1/transmissions", transmission(*recipients, **when))
        assert answer.said["results"]["total_accepted_recipients"] == 7
        seen, cursor = list[str](), ""
        for last in (False, False, True):
            page = (await api.ask("GET", f"/api/v1/queues?limit=3&cursor={cursor}")).said
            seen += [each["domain"] for each in page["results"]]
            cursor = page["next"]
            assert (cursor is None) is last
        assert seen == [f"{n}.example.com" for n in range(7)]
        for path in (
            "queues?limit=0",
            "queues?limit=x",
            "queues?limit=1&limit=2",
            "queues?lim=1",
            "sessions?limit=1001",
        ):
            assert (await api.ask("GET", f"/api/v1/{path}")).status == 422, path

    told(story, CONFIG.replace('"example.com" )', '"*.example.com" )'))


def test_commands_of_one_request_share_a_transaction_that_ends_with_it() -> None:
    async def story(api: Api) -> None:
        change = "config set esmtp_listener Idle_Time 7"
        for commands, holds in (
            (["config begin", change], 300),
            (["config begin", change, "config set nonsense 1", "config commit"], 300),
            (["config begin", change, "config commit"], 7),
        ):
            await api.ask("POST", "/api/v1/console", {"commands": commands})
            said = await api.ask("GET", "/api/v1/config/eval?words=esmtp_listener+Idle_Time")
            assert said.said["results"]["value"] == holds
        answer = await api.ask("POST", "/api/v1/console", {"commands": ["version\r\nversion"]})
        assert (answer.status, answer.errors) == (422, [("invalid_request", "commands")])

    told(story)


def test_what_has_a_key_is_taken_once_over_a_crash_too() -> None:
    async def story(api: Api) -> None:
        first = [
            await api.inject(key="k"),
            await api.ask("POST", "/api/v1/transmissions", transmission("bob@example.com", "x@example.com"), key="t"),
        ]
        api.site.mx.kill()
        await api.site.boot()
        again = [
            await api.inject(key="k"),
            await api.ask("POST", "/api/v1/transmissions", transmission("bob@example.com", "x@example.com"), key="t"),
        ]
        assert [each.status for each in again] == [200, 200]
        assert again[0].said == first[0].said
        assert again[1].said["results"]["recipients"] == first[1].said["results"]["recipients"]
        other = await api.inject(body=MESSAGE + b"Two.\r\n", key="k")
        assert (other.status, other.errors) == (422, [("recipient_refused", "to[0]")])
        assert (await api.inject(key="k", user="ann")).said != first[0].said  # keys are one client's
        assert (await api.inject(key="x" * 256)).errors == [("bad_key", "idempotency-key")]
        await trio.sleep(2)
        assert len(await api.site.mailbox("bob")) == 3

    told(story)
