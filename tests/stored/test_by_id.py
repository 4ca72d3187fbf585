"""What is stored is what was said: a transmission by its id makes the messages of the one with all of it inline."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given, reject
from hypothesis import strategies as st
from msgspec import UNSET
from shelves import World

from momentum_trio.protocol.injection import stored_list, stored_template
from momentum_trio.protocol.injection.flaw import Flaws
from momentum_trio.protocol.injection.letter import Letter, Writer
from momentum_trio.protocol.injection.stored_template import Versions
from momentum_trio.protocol.injection.strategies import good_requests, ids
from momentum_trio.protocol.injection.transmission import Recipient, Transmission, check, parse
from momentum_trio.stored.stored import Stored
from sim.disk import SimStore

NOW = 1_764_000_000.0


def letters(transmission: Transmission) -> list[Letter | tuple[Any, ...]]:
    """Those of it, or why there is none."""
    check(transmission, NOW)
    try:
        writer = Writer(transmission)
    except Flaws as flaws:
        return [flaws.flaws]
    made = list[Letter | tuple[Any, ...]]()
    for recipient in transmission.to:
        try:
            made.append(writer.letter(recipient))
        except Flaws as flaws:
            made.append(flaws.flaws)
    return made


@given(good_requests, ids, st.booleans())
def test_by_id_or_inline_it_is_the_same(request: dict[str, Any], an_id: str, is_draft: bool) -> None:
    content = {"template_id": an_id} | ({"use_draft_template": True} if is_draft else {})
    try:
        inline = parse(msgspec.json.encode(request))
        check(inline, NOW)
        template = stored_template.parse_new(
            msgspec.json.encode({"content": request["content"], "published": not is_draft})
        )
    except Flaws:
        reject()  # it cannot be sent
    by_id = parse(msgspec.json.encode(request | {"content": content, "recipients": {"list_id": an_id}}))
    recipients = stored_list.parse_new(msgspec.json.encode({"recipients": request["recipients"]}))

    async def main() -> None:
        medium = SimStore()
        stored = Stored(World(medium.mount()).machine, "/stored")
        await stored.templates.create(an_id, stored_template.created(template, an_id, NOW))
        await stored.lists.create(an_id, stored_list.created(recipients, an_id))
        medium.power_loss()
        again = Stored(World(medium.mount()).machine, "/stored")
        whole = await again.whole(by_id)
        assert whole == inline
        assert letters(whole) == letters(inline)

    trio.run(main)


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ('{"n": 100000000000000000000}', 10**20),
        ('{"n": 18446744073709551616}', 1 << 64),
        ('{"n": -0.0}', -0.0),
        ('{"n": 1e22}', 1e22),
        ('{"n": 0.1}', 0.1),
        ('{"n": "\\u0000\\ud83d\\ude00\\/"}', "\0😀/"),
        ('{"n": null}', None),
    ],
)
def test_values_come_back_as_they_were(text: str, back: Any) -> None:
    octets = f'{{"address": "a@b.example", "substitution_data": {text}}}'.encode()
    recipient = msgspec.json.decode(octets, type=Recipient)
    again = msgspec.json.decode(msgspec.json.encode(recipient), type=Recipient)
    assert repr(again.substitution_data["n"]) == repr(back)
    assert msgspec.json.encode(again) == msgspec.json.encode(recipient)


versions = st.sampled_from(["draft", "published", "both"])
changes = st.fixed_dictionaries({"published": st.booleans()}, optional={"text": st.sampled_from("xyz")})


@given(versions, st.lists(st.tuples(changes, st.booleans()), max_size=6))
def test_drafts_and_what_is_published(first: str, steps: list[tuple[dict[str, Any], bool]]) -> None:
    """Beside a model of two texts. A change that is refused changes nothing."""
    template = stored_template.created(new("a", published=first == "published"), "t", NOW)
    model: list[str | None] = ["a", None] if first != "published" else [None, "a"]
    if first == "both":
        template = stored_template.changed(template, change(published=True), NOW, update_published=False)
        template = stored_template.changed(template, change("b"), NOW, update_published=False)
        model = ["b", "a"]
    for said, update_published in steps:
        text, publishes = said.get("text"), said["published"]
        if text and update_published and model[1] is None and not publishes:
            with pytest.raises(Flaws):
                stored_template.changed(template, change(text), NOW, update_published=True)
            continue
        template = stored_template.changed(template, change(text, publishes), NOW, update_published=update_published)
        if text and update_published:
            model[1] = text
        else:
            model[0] = text or model[0]
            if publishes and model[0]:
                model = [None, model[0]]
        head, held = template
        assert texts(held) == model
        assert (head.has_draft, head.has_published) == (model[0] is not None, model[1] is not None)
        assert held.version(UNSET) is (held.draft or held.published)


def content(text: str) -> dict[str, str]:
    return {"from": "a@b.example", "subject": "s", "text": text}


def new(text: str, *, published: bool) -> stored_template.NewTemplate:
    return stored_template.parse_new(msgspec.json.encode({"content": content(text), "published": published}))


def change(text: str | None = None, published: bool = False) -> stored_template.TemplateChange:
    said: dict[str, Any] = {"published": published} | ({"content": content(text)} if text else {})
    return stored_template.parse_change(msgspec.json.encode(said))


def texts(held: Versions) -> list[str | None]:
    return [None if each is None else str(each.text) for each in (held.draft, held.published)]
