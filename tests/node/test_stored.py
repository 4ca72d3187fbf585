"""Stored templates and recipient lists of a whole node: who may keep them, what is sent by them, what outlives what."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest
import trio
from fault_story import failing, panics
from http_api import Api, told
from simulated_host import Site, write_file

from momentum_trio.machine.disk import Rename, Step, Sync, Write
from sim.life import ProcessDied

TEMPLATES, LISTS = "/api/v1/templates", "/api/v1/recipient-lists"
SPOOL = "/var/spool/ecelerity"
FOLDER = f"{SPOOL}/stored"
CONTENT: dict[str, Any] = {"from": "a@x.example", "subject": "Hi {{n}}", "text": "Hi {{n}}"}
WHOLE_MESSAGE: dict[str, Any] = {"email_rfc822": "Subject: {{x}}\n\nx\n"}
BOB: dict[str, Any] = {"address": {"email": "bob@example.com", "name": "Bob"}, "substitution_data": {"n": "Bob"}}
JOE: dict[str, Any] = {"address": "joe@example.com", "tags": ["t"], "metadata": {"a": 1}}

Row = tuple[str, str, Any, int, Any]


def saying(text: str) -> dict[str, Any]:
    return CONTENT | {"text": text}


def sent(content: Any = None, recipients: Any = None, **more: Any) -> dict[str, Any]:
    """A transmission; by the template ``news``, to bob, where nothing else is said."""
    by_id = {"template_id": "news"} if content is None else content
    return {"return_path": "a@x.example", "content": by_id, "recipients": recipients or [BOB]} | more


def told_rows(*rows: Row) -> Site:
    """A node that is asked *rows*: method, path, body, the status, and what the answer has, or its errors."""

    async def story(api: Api) -> None:
        for row in rows:
            await asked(api, row)

    return told(story)


async def asked(api: Api, row: Row) -> None:
    method, path, body, status, wanted = row
    answer = await api.ask(method, path, body)
    assert answer.status == status, (row, answer)
    if isinstance(wanted, list):
        assert answer.errors == wanted, row
    elif wanted is not None:
        said = answer.said if "next" in wanted else answer.said["results"]
        assert {name: said.get(name) for name in wanted} == wanted, row


NOT_FOUND = [("not_found", "")]


def test_the_life_of_a_template() -> None:
    one = f"{TEMPLATES}/news"
    told_rows(
        ("GET", TEMPLATES, None, 200, {"results": [], "next": None}),
        ("POST", TEMPLATES, {"id": "news", "name": "News", "content": saying("one")}, 200, {"id": "news"}),
        ("POST", TEMPLATES, {"id": "news", "content": CONTENT}, 409, [("conflict", "id")]),
        ("GET", one, None, 200, {"published": False, "has_draft": True, "has_published": False}),
        ("GET", f"{one}?draft=false", None, 404, NOT_FOUND),
        ("PUT", f"{one}?update_published=true", {"content": CONTENT}, 422, [("invalid_request", "update_published")]),
        ("PUT", one, {"published": True}, 200, {"id": "news"}),
        ("GET", f"{one}?draft=true", None, 404, NOT_FOUND),
        ("GET", f"{one}/", None, 200, {"published": True, "has_draft": False, "content": saying("one")}),
        ("PUT", one, {"content": saying("two"), "description": "d"}, 200, {"id": "news"}),
        ("GET", one, None, 200, {"name": "News", "description": "d", "content": saying("two")}),
        ("GET", f"{one}?draft=false", None, 200, {"published": True, "content": saying("one")}),
        ("PUT", f"{one}?update_published=true", {"content": saying("three")}, 200, {"id": "news"}),
        ("GET", f"{one}?draft=false", None, 200, {"has_draft": True, "content": saying("three")}),
        ("GET", f"{one}?draft=true", None, 200, {"published": False, "content": saying("two")}),
        ("PUT", one, {"published": False}, 200, {"id": "news"}),
        ("GET", f"{one}?draft=true", None, 200, {"content": saying("two")}),
        ("PUT", f"{one}?update_published=true", {"published": True}, 200, {"id": "news"}),
        ("GET", one, None, 200, {"published": True, "has_draft": False, "content": saying("two")}),
        ("DELETE", one, None, 200, {"id": "news"}),
        ("DELETE", one, None, 404, NOT_FOUND),
        ("GET", one, None, 404, NOT_FOUND),
        ("PUT", one, {"name": "x"}, 404, NOT_FOUND),
        ("POST", f"{one}/preview", {}, 404, NOT_FOUND),
        ("POST", TEMPLATES, {"id": "news", "content": CONTENT, "published": True}, 200, {"id": "news"}),
        ("GET", one, None, 200, {"name": "news", "has_draft": False, "has_published": True}),
    )


def test_the_life_of_a_recipient_list() -> None:
    one = f"{LISTS}/all"
    new = {"id": "all", "recipients": [BOB, JOE], "attributes": {"internal_id": 7}}
    told_rows(
        ("GET", LISTS, None, 200, {"results": [], "next": None}),
        ("POST", LISTS, new, 200, {"id": "all", "name": "all", "total_accepted_recipients": 2}),
        ("POST", LISTS, new, 409, [("conflict", "id")]),
        ("GET", one, None, 200, {"attributes": {"internal_id": 7}, "recipients": None}),
        ("GET", f"{one}?show_recipients=true", None, 200, {"recipients": [BOB, JOE]}),
        ("PUT", one, {"name": "All", "description": "of them"}, 200, {"total_accepted_recipients": 2}),
        ("PUT", one, {"recipients": [JOE], "attributes": {}}, 200, {"name": "All", "total_rejected_recipients": 0}),
        ("GET", f"{one}?show_recipients=true", None, 200, {"recipients": [JOE], "description": "of them"}),
        ("PUT", one, {"recipients": [JOE, "nobody"]}, 422, [("invalid_request", "recipients[1]")]),
        ("PUT", one, {"recipients": [JOE, {"address": "x"}]}, 422, [("invalid_request", "recipients[1].address")]),
        ("PUT", one, {"recipients": []}, 422, [("invalid_request", "recipients")]),
        ("GET", f"{one}?show_recipients=true", None, 200, {"recipients": [JOE], "attributes": {}}),
        ("DELETE", one, None, 200, {"id": "all"}),
        ("DELETE", one, None, 404, NOT_FOUND),
        ("GET", one, None, 404, NOT_FOUND),
        ("GET", f"{one}?show_recipients=true", None, 404, NOT_FOUND),
        ("PUT", one, {"name": "x"}, 404, NOT_FOUND),
    )


def test_what_a_preview_shows_is_what_is_sent() -> None:
    content = {
        "from": {"email": "{{who}}@x.example", "name": "{{name}}"},
        "subject": "Hi {{name}}",
        "text": "Hi {{name}}",
        "html": "<p>{{name}}{{{name}}}",
        "reply_to": "{{name}} <r@x.example>",
        "headers": {"X-N": "{{n or 'none'}}", "CC": "c@x.example"},
        "attachments": [{"name": "a.txt", "type": "text/plain", "data": "YQ=="}],
    }
    data = {"who": "a", "name": "B&b"}
    shown = content | {
        "from": {"email": "a@x.example", "name": "B&b"},
        "subject": "Hi B&b",
        "text": "Hi B&b",
        "html": "<p>B&amp;bB&b",
        "reply_to": "B&b <r@x.example>",
        "headers": {"X-N": "none", "CC": "c@x.example"},
    }
    preview = f"{TEMPLATES}/news/preview"
    told_rows(
        ("POST", TEMPLATES, {"id": "news", "content": content}, 200, None),
        ("POST", preview, {"substitution_data": data}, 200, shown),
        ("POST", f"{preview}?draft=false", {"substitution_data": data}, 404, NOT_FOUND),
        ("POST", preview, {}, 422, [("invalid_request", "content.from.email")]),
        ("POST", preview, {"substitution_data": data | {"n": "1\r\nBcc: x@y"}}, 422,
         [("invalid_request", "content.headers.X-N")]),
        ("POST", preview, {"data": data}, 422, [("invalid_request", "data")]),
        ("POST", preview, b"{", 400, [("invalid_request", "")]),
        ("POST", TEMPLATES, {"id": "whole", "content": WHOLE_MESSAGE}, 200, None),
        ("POST", f"{TEMPLATES}/whole/preview", {}, 200, WHOLE_MESSAGE),
    )  # fmt: skip


# Each body, and the fields that are told of
NO_TEMPLATES: tuple[tuple[Any, list[str]], ...] = (
    ({}, ["content"]),
    ({"content": {}}, ["content.from", "content.subject", "content"]),
    ({"content": CONTENT | {"text": "{{if"}}, ["content.text"]),
    ({"content": CONTENT | {"subject": "a\r\nBcc: x@y"}}, ["content.subject"]),
    ({"content": CONTENT | {"from": "a@b, c@d"}}, ["content.from"]),
    ({"content": CONTENT | {"reply_to": "nobody"}}, ["content.reply_to"]),
    ({"content": CONTENT | {"headers": {"Bcc": "x@y"}}}, ["content.headers.Bcc"]),
    ({"content": CONTENT | {"headers": {"CC": "x"}}}, ["content.headers.CC"]),
    ({"content": CONTENT | {"template_id": "x"}}, ["content.template_id"]),
    ({"content": {"email_rfc822": "a: b", "text": "x"}}, ["content.email_rfc822"]),
    ({"content": CONTENT, "id": ""}, ["id"]),
    ({"content": CONTENT, "id": ".."}, ["id"]),
    ({"content": CONTENT, "id": ".new"}, ["id"]),
    ({"content": CONTENT, "id": "a/b"}, ["id"]),
    ({"content": CONTENT, "id": "a\n"}, ["id"]),
    ({"content": CONTENT, "id": "a\0"}, ["id"]),
    ({"content": CONTENT, "id": "é"}, ["id"]),
    ({"content": CONTENT, "id": "x" * 65}, ["id"]),
    ({"content": CONTENT, "id": 7}, ["id"]),
    ({"content": CONTENT, "name": "a\nb"}, ["name"]),
    ({"content": CONTENT, "name": "x" * 1025}, ["name"]),
    ({"content": CONTENT, "shared": True}, ["shared"]),
)  # fmt: skip


def test_what_is_no_template_is_not_kept() -> None:
    refused: list[Row] = [
        ("POST", TEMPLATES, body, 422, [("invalid_request", field) for field in fields])
        for body, fields in NO_TEMPLATES
    ]
    site = told_rows(*refused, ("GET", TEMPLATES, None, 200, {"results": [], "next": None}))
    assert site_files(site) == {}


# By the status that they come to; what is at the path without one is the whole list
SEGMENTS = {
    400: ("..", ".", "%2e%2e", "a%2Fb", "%00", "a%0a", "%ff", "..%5Cetc", "../news"),
    404: ("a%20b", "x" * 65, "%C3%A9", ".news", "news.kept", "...", "news;x"),
    405: ("",),
}


@pytest.mark.parametrize("folder", [TEMPLATES, LISTS])
def test_an_id_that_cannot_be_is_that_of_nothing(folder: str) -> None:
    async def story(api: Api) -> None:
        await asked(api, ("POST", TEMPLATES, {"id": "news", "content": CONTENT}, 200, None))
        await asked(api, ("POST", LISTS, {"id": "news", "recipients": [BOB]}, 200, None))
        held = site_files(api.site)
        for status, segments in SEGMENTS.items():
            for segment in segments:
                for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
                    answer = await api.ask(method, f"{folder}/{segment}", body)
                    assert answer.status == (200 if (method, status) == ("GET", 405) else status), (method, segment)
        assert site_files(api.site) == held

    told(story)


def site_files(site: Site) -> dict[str, bytes]:
    """What is kept, by the names of the files."""
    store = site.mx.store
    found = [path for path in store.files(SPOOL) if path.startswith(f"{FOLDER}/")]
    return {path.removeprefix(f"{FOLDER}/"): store.octets(path) for path in found}


# Each transmission, and the field that is told of; none: bob gets it
SENT: tuple[tuple[dict[str, Any], str], ...] = (
    (sent(), ""),
    (sent({"template_id": "news", "use_draft_template": False}), ""),
    (sent({"template_id": "news", "use_draft_template": True}), "content.template_id"),
    (sent({"template_id": "draft"}), "content.template_id"),
    (sent({"template_id": "draft", "use_draft_template": True}), ""),
    (sent({"template_id": "gone"}), "content.template_id"),
    (sent({"template_id": "none"}), "content.template_id"),
    (sent({"template_id": "../news"}), "content.template_id"),
    (sent({"template_id": "news", "subject": "x"}), "content.template_id"),
    (sent({"use_draft_template": True}), "content.use_draft_template"),
    (sent(recipients={"list_id": "all"}), ""),
    (sent(CONTENT, {"list_id": "all"}), ""),
    (sent(CONTENT, {"list_id": "gone"}), "recipients.list_id"),
    (sent(CONTENT, {"list_id": "none"}), "recipients.list_id"),
    (sent(CONTENT, {"list_id": ".."}), "recipients.list_id"),
    (sent({"template_id": "whole"}, {"list_id": "all"}), ""),
    (sent({"template_id": "whole"}, {"list_id": "copies"}), "recipients[0].address.header_to"),
    (sent(options={"start_time": "x"}), "options.start_time"),
)  # fmt: skip


def test_what_is_sent_by_what_is_stored() -> None:
    copies = [{"address": {"email": "bob@example.com", "header_to": "joe@example.com"}}]

    async def story(api: Api) -> None:
        for row in (
            ("POST", TEMPLATES, {"id": "news", "content": CONTENT, "published": True}, 200, None),
            ("POST", TEMPLATES, {"id": "draft", "content": saying("draft")}, 200, None),
            ("POST", TEMPLATES, {"id": "gone", "content": CONTENT, "published": True}, 200, None),
            ("POST", TEMPLATES, {"id": "whole", "content": WHOLE_MESSAGE, "published": True}, 200, None),
            ("POST", LISTS, {"id": "all", "recipients": [BOB, JOE]}, 200, None),
            ("POST", LISTS, {"id": "gone", "recipients": [BOB]}, 200, None),
            ("POST", LISTS, {"id": "copies", "recipients": copies}, 200, None),
            ("DELETE", f"{TEMPLATES}/gone", None, 200, None),
            ("DELETE", f"{LISTS}/gone", None, 200, None),
        ):  # fmt: skip
            await asked(api, row)
        arrived = 0
        for request, field in SENT:
            answer = await api.ask("POST", "/api/v1/transmissions", request)
            if field:
                assert (answer.status, answer.errors) == (422, [("invalid_request", field)])
            else:
                assert answer.status == 200, answer
                arrived += 1
            await trio.sleep(1)
            assert len(await api.site.mailbox("bob")) == arrived, request

    told(story)


def test_a_message_by_a_template_is_the_one_with_that_content() -> None:
    async def story(api: Api) -> None:
        await asked(api, ("POST", TEMPLATES, {"id": "news", "content": CONTENT, "published": True}, 200, None))
        await asked(api, ("POST", LISTS, {"id": "all", "recipients": [BOB, JOE]}, 200, None))
        for request in (sent(CONTENT, [BOB, JOE]), sent(recipients={"list_id": "all"})):
            said = (await api.ask("POST", "/api/v1/transmissions", request)).said["results"]
            assert [each["email"] for each in said["recipients"]] == ["bob@example.com", "joe@example.com"]
        await trio.sleep(1)
        for mailbox in ("bob", "joe"):
            one, other = [without_trace(each) for each in await api.site.mailbox(mailbox)]
            assert one == other

    told(story)


def without_trace(message: bytes) -> bytes:
    """From the From on: what stands before it is of one reception."""
    return message[message.index(b"\nFrom:") :]


def test_what_was_taken_under_a_key_is_not_sent_again_as_another_template() -> None:
    async def story(api: Api) -> None:
        await asked(api, ("POST", TEMPLATES, {"id": "news", "content": saying("one"), "published": True}, 200, None))
        first = await api.ask("POST", "/api/v1/transmissions", sent(), key="k")
        assert (await api.ask("POST", "/api/v1/transmissions", sent(), key="k")).said == first.said
        change = {"content": saying("two"), "published": True}
        await asked(api, ("PUT", f"{TEMPLATES}/news", change, 200, None))
        assert (await api.ask("POST", "/api/v1/transmissions", sent(), key="k")).status == 422
        await trio.sleep(1)
        assert len(await api.site.mailbox("bob")) == 1

    told(story)


def test_keeping_needs_a_role_and_is_accounted_and_sending_does_not() -> None:
    new = {"id": "news", "content": CONTENT, "published": True}

    async def story(api: Api) -> None:
        for user, method, path, body, status in (
            ("ann", "POST", TEMPLATES, new, 403),
            ("bob", "POST", TEMPLATES, new, 200),
            ("ann", "GET", TEMPLATES, None, 403),
            ("ann", "GET", f"{TEMPLATES}/news", None, 403),
            ("ann", "GET", f"{TEMPLATES}/none", None, 403),
            ("ann", "POST", f"{TEMPLATES}/news/preview", {}, 403),
            ("ann", "PUT", f"{TEMPLATES}/news", {"name": "x"}, 403),
            ("ann", "DELETE", f"{TEMPLATES}/news", None, 403),
            ("ann", "POST", LISTS, {"id": "all", "recipients": [BOB]}, 403),
            ("bob", "POST", LISTS, {"id": "all", "recipients": [BOB]}, 200),
            ("ann", "GET", LISTS, None, 403),
            ("ann", "GET", f"{LISTS}/all?show_recipients=true", None, 403),
            ("ann", "PUT", f"{LISTS}/all", {"name": "x"}, 403),
            ("ann", "DELETE", f"{LISTS}/all", None, 403),
            ("ann", "POST", "/api/v1/transmissions", sent(recipients={"list_id": "all"}), 200),
            ("bob", "DELETE", f"{TEMPLATES}/news", None, 200),
        ):
            assert (await api.ask(method, path, body, user=user)).status == status, (user, method, path)
        await trio.sleep(2)  # the log is written

    site = told(story)
    accounts = [line.split("@") for line in site.mx.store.octets("/var/log/accounts").decode().splitlines()]
    assert [(fields[4], fields[5], fields[6]) for fields in accounts if fields[1] == "Z"] == [
        ("ann", "0", "template create news"),
        ("bob", "1", "template create news"),
        ("ann", "0", "template preview news"),
        ("ann", "0", "template update news"),
        ("ann", "0", "template delete news"),
        ("ann", "0", "recipient-list create all"),
        ("bob", "1", "recipient-list create all"),
        ("ann", "0", "recipient-list update all"),
        ("ann", "0", "recipient-list delete all"),
        ("bob", "1", "template delete news"),
    ]


def test_ids_are_made_and_lists_come_in_pages() -> None:
    async def story(api: Api) -> None:
        for folder, body in ((TEMPLATES, {"content": CONTENT}), (LISTS, {"recipients": [BOB]})):
            ids = sorted([(await api.ask("POST", folder, body)).said["results"]["id"] for _ in range(5)])
            assert len(set(ids)) == 5
            first = (await api.ask("GET", f"{folder}?limit=3")).said
            rest = (await api.ask("GET", f"{folder}?limit=3&cursor={first['next']}")).said
            assert [each["id"] for each in (*first["results"], *rest["results"])] == ids
            assert rest["next"] is None
            assert (await api.ask("GET", f"{folder}?draft=x")).status == 422

    told(story)


def test_what_is_too_large_is_not_kept() -> None:
    async def story(api: Api) -> None:
        for folder, body in (
            (TEMPLATES, {"id": "a", "content": saying("x" * (4 << 20))}),
            (LISTS, {"id": "a", "recipients": [BOB], "attributes": {"a": "x" * (16 << 20)}}),
        ):
            answer = await api.ask("POST", folder, body)
            assert (answer.status, answer.errors) == (413, [("content_too_large", "")])
        await asked(api, ("POST", TEMPLATES, {"id": "a", "content": saying("x" * (4_000_000))}, 200, None))
        attributes = {"a": "x" * 1000}
        row = ("POST", LISTS, {"recipients": [BOB], "attributes": attributes}, 422, [("invalid_request", "attributes")])
        await asked(api, row)

    told(story)


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", [Write, Sync, Rename])
def test_a_disk_that_fails_is_a_time_to_come_again(step: type[Step[Any]], fault: int) -> None:
    async def story(api: Api) -> None:
        await asked(api, ("POST", TEMPLATES, {"id": "news", "content": saying("one")}, 200, None))
        api.site.mx.store.inject = failing((step,), fault, FOLDER)
        for method, path in (("POST", TEMPLATES), ("PUT", f"{TEMPLATES}/news")):
            answer = await api.ask(method, path, {"content": saying("two")})
            assert (answer.status, answer.errors) == (503, [("store_failed", "")])
        await asked(api, ("GET", f"{TEMPLATES}/news", None, 200, {"content": saying("one")}))
        api.site.mx.store.inject = None
        await asked(api, ("PUT", f"{TEMPLATES}/news", {"content": saying("three")}, 200, None))
        assert set(site_files(api.site)) == {"templates/news.kept"}

    site = told(story)
    assert [text for text in panics(site) if FOLDER in text] != []


def test_damaged_and_foreign_files_stop_nobody() -> None:
    async def story(api: Api) -> None:
        site = api.site
        await asked(api, ("POST", TEMPLATES, {"id": "good", "content": CONTENT}, 200, None))
        await asked(api, ("POST", TEMPLATES, {"id": "torn", "content": CONTENT, "published": True}, 200, None))
        octets = site.mx.store.octets(f"{FOLDER}/templates/good.kept")
        for name, held in (
            ("torn.kept", octets[:-1]),
            ("other.kept", octets),
            ("empty.kept", b""),
            (".x.kept", octets),
            ("readme", b""),
            ("left.kept.new", octets),
        ):
            await site.mx.call(write_file, f"{FOLDER}/templates/{name}", held)
        site.mx.power_loss()
        await site.boot()
        answer = await api.ask("POST", "/api/v1/transmissions", sent({"template_id": "torn"}))
        assert answer.errors == [("invalid_request", "content.template_id")]
        listed = (await api.ask("GET", TEMPLATES)).said["results"]
        assert [each["id"] for each in listed] == ["good"]
        await asked(api, ("POST", TEMPLATES, {"id": "torn", "content": CONTENT}, 200, None))

    site = told(story)
    assert sorted(path.rpartition("/")[2] for path in site_files(site)) == [
        ".x.kept", "empty.kept.damaged", "good.kept", "other.kept.damaged", "readme", "torn.kept", "torn.kept.damaged",
    ]  # fmt: skip
    said = [text for text in panics(site) if FOLDER in text]
    assert [text for text in said if "none of ours" in text] == [
        f"{FOLDER}/templates has files that are none of ours, and are left alone: 2, as '.x.kept', 'readme'"
    ]
    assert len([text for text in said if "is damaged" in text]) == 3


# Power, at every operation of the disk


LIST = [{"address": f"a{number}@example.com"} for number in range(300)]
SCRIPT: tuple[tuple[str, str, Any], ...] = (
    ("POST", TEMPLATES, {"id": "t", "content": saying("one"), "published": True}),
    ("POST", LISTS, {"id": "l", "recipients": LIST}),
    ("PUT", f"{TEMPLATES}/t", {"content": saying("two")}),
    ("PUT", f"{LISTS}/l", {"recipients": LIST[:200]}),
    ("PUT", f"{TEMPLATES}/t", {"published": True}),
    ("DELETE", f"{LISTS}/l", None),
)
State = tuple[str | None, str | None, int | None]
# What the template says, published and as a draft, and how many recipients the list has, before each and after the last
STATES: tuple[State, ...] = (
    (None, None, None),
    ("one", None, None),
    ("one", None, 300),
    ("one", "two", 300),
    ("one", "two", 200),
    ("two", None, 200),
    ("two", None, None),
)
WHOLE = bool(os.environ.get("MOMENTUM_FAULTS"))
OPERATIONS_MAX = 70  # of the script; test_the_walk_is_whole says when it has grown


async def script(api: Api) -> int:
    """How many requests were answered 200 before the host was gone."""
    for place, (method, path, body) in enumerate(SCRIPT):
        try:
            assert (await api.ask(method, path, body)).status == 200
        except ProcessDied:
            return place
    return len(SCRIPT)


async def state(api: Api) -> State:
    published = await api.ask("GET", f"{TEMPLATES}/t?draft=false")
    draft = await api.ask("GET", f"{TEMPLATES}/t?draft=true")
    held = await api.ask("GET", f"{LISTS}/l?show_recipients=true")
    texts = [each.said["results"]["content"]["text"] if each.status == 200 else None for each in (published, draft)]
    return texts[0], texts[1], len(held.said["results"]["recipients"]) if held.status == 200 else None


def test_the_walk_is_whole() -> None:
    async def story(api: Api) -> None:
        before = api.site.mx.store.operations
        assert await script(api) == len(SCRIPT)
        assert OPERATIONS_MAX * 0.8 < api.site.mx.store.operations - before <= OPERATIONS_MAX

    told(story)


@pytest.mark.parametrize("seed", range(4 if WHOLE else 2))
def test_power_cut_at_every_operation(seed: int) -> None:
    for operation in range(OPERATIONS_MAX) if WHOLE else range(seed * 5, OPERATIONS_MAX, 10):

        async def story(api: Api, operation: int = operation) -> None:
            store = api.site.mx.store
            store.cut_after = operation
            answered = await script(api)
            store.cut_after = None
            if api.site.life.alive:
                api.site.mx.power_loss()
            await api.site.boot()
            assert await state(api) in STATES[answered : answered + 2], operation
            names = set(site_files(api.site))
            assert names <= {
                f"{kept}{new}" for kept in ("templates/t.kept", "recipient-lists/l.kept") for new in ("", ".new")
            }
            await asked(api, ("POST", TEMPLATES, {"id": "again", "content": CONTENT}, 200, None))
            assert "templates/t.kept.new" not in site_files(api.site)

        told(story, seed=seed)
