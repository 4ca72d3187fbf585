"""What of MAIL and RCPT reaches the spool with a batch: DSN wishes, BODY, and the binding chosen for it."""

from __future__ import annotations

import pytest
from reception_given import Entrance, scope

from momentum_trio.config.load import load_text
from momentum_trio.mail.dsn import NO_WISH, Notify, Returning, Wish
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.binding import Bindings
from momentum_trio.reception.decision import ACCEPTED
from momentum_trio.reception.unbound import UNBOUND
from momentum_trio.spool.message import Batch, Receipt

CONTENT = b"Subject: x\r\n\r\ny\r\n"


async def taken(entrance: Entrance, **mail: object) -> Batch:
    assert entrance.reception.mail("a@b.example", "", **mail) is ACCEPTED  # type: ignore[arg-type]
    assert entrance.recipient("c@d.example") is ACCEPTED
    receipt = await entrance.reception.finish(CONTENT)
    assert isinstance(receipt, Receipt)
    return receipt.batch


def open_relay(**more: object) -> Entrance:
    return Entrance(scope("listen", Open_Relay="true", **more))


async def test_wishes_stay_with_their_recipients() -> None:
    entrance = open_relay()
    wishes = {
        "one@d.example": Wish(Notify.NEVER),
        "two@d.example": NO_WISH,
        "three@d.example": Wish(Notify.SUCCESS | Notify.DELAY, "rfc822;3@d.example"),
    }
    assert entrance.mail() is ACCEPTED
    for path, wish in wishes.items():
        assert entrance.reception.recipient(path, "", wish) is ACCEPTED
    receipt = await entrance.reception.finish(CONTENT)
    assert isinstance(receipt, Receipt)
    assert {
        message.forward_path: Wish(message.notify, message.original_recipient) for message in receipt.batch.messages
    } == wishes
    assert len({message.message_id for message in receipt.batch.messages}) == 3


async def test_ret_and_envid() -> None:
    batch = await taken(open_relay(), returning=Returning("HDRS", "a b"))
    assert (batch.returns, batch.envelope_id) == ("HDRS", "a b")
    assert not any(message.notify or message.original_recipient for message in batch.messages)


@pytest.mark.parametrize(("declared", "kept"), [("", ""), ("7BIT", ""), ("8BITMIME", "8BITMIME")])
async def test_body(declared: str, kept: str) -> None:
    assert (await taken(open_relay(), body=declared)).body == kept


CONFIGURATION = """
Binding "alone" { }
Binding_Group "g" {
  Binding "one" { }
  Binding "two" { Suspend_Delivery = true }
  Binding "three" { }
}
Binding_Group "asleep" {
  Suspend_Delivery = true
  Binding "one" { }
  Binding "four" { }
}
"""


@pytest.mark.parametrize(
    ("words", "bindings"),
    [
        ("", ["default/default"] * 3),
        ("default", ["default/default"] * 3),
        ("default/default", ["default/default"] * 3),
        ("alone", ["default/alone"] * 3),
        ("one", ["g/one"] * 3),  # of the first group that has it
        ("two", ["g/two"] * 3),  # asked for by name: suspended or not
        ("asleep/one", ["asleep/one"] * 3),
        ("g/", ["g/one", "g/three", "g/one"]),
        ("asleep/", ["asleep/one", "asleep/four", "asleep/one"]),
    ],
)
async def test_binding(words: str, bindings: list[str]) -> None:
    tree = load_text(CONFIGURATION, declared=DECLARED)
    entrance = Entrance(scope("listen", Open_Relay="true", Outbound_Binding=words), bindings=Bindings(tree))
    batches = [await taken(entrance) for _ in bindings]
    assert [f"{batch.binding_group}/{batch.binding}" for batch in batches] == bindings
    assert [record.binding for record in entrance.records] == [batch.binding for batch in batches]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("default", "words", "decision"),
    [
        ("normal", "", ACCEPTED),
        ("suspended", "", ACCEPTED),
        ("none", "", UNBOUND),
        ("none", "default", UNBOUND),
        ("none", "default/default", UNBOUND),
        ("none", "alone", ACCEPTED),
    ],
)
def test_default_binding(default: str, words: str, decision: object) -> None:
    entrance = Entrance(scope("listen", Outbound_Binding=words), scope("global", Default_Binding=default))
    assert entrance.mail() == decision
