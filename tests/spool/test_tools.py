"""``ec_spool`` and ``ec_show`` on real directories: sound, damaged, written by a host at work; without trio."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from spool_world import key, submit, submit_keyed, terms

from momentum_trio.cli import ec_show, ec_spool
from momentum_trio.cli.spool_files import SpoolFiles
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.spool.spool import Conclusion, Receipt, Retry, Spool, open_spool

VERSION_1 = Path(__file__).parent / "version_1"
REASON = "450 4.2.2 mailbox \x1b[31mfull"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "spool"


async def mailed(spool: Spool) -> list[Receipt]:
    """Three batches: one large, one half delivered, one deferred and rerouted."""
    receipts = [
        await submit(spool, b"large " * 500, "a@x.example"),
        await submit(spool, b"two", "b@x.example", "c@y.example"),
        await submit(spool, b"waits", "d@z.example"),
    ]
    waits = receipts[2].tickets[0]
    delivered = [(receipts[1].tickets[0], Conclusion.DELIVERED)]
    await spool.settle(delivered, [(waits, Retry(4, 1_700_009_999.0, 1, REASON))])
    await spool.move([waits], routing_domain="hub.example", binding="slow")
    return receipts


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert ec_show.main([*arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_what_is_queued_while_the_host_runs(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_spool(os_machine(), terms(str(base))) as spool:
        large, two, waits = await mailed(spool)
        rows = shown(capsys, "-d", str(base))
        assert [row["forward_path"] for row in rows] == ["a@x.example", "c@y.example", "d@z.example"]
        assert [row["octets"] for row in rows] == [3000, 3, 5]
        assert rows[1]["batch_id"] == two.batch.batch_id
        assert (rows[2]["retries"], rows[2]["next_attempt_at"], rows[2]["reason"]) == (4, 1_700_009_999.0, REASON)
        assert (rows[2]["domain"], rows[2]["binding"]) == ("hub.example", "slow")
        assert ec_spool.main(["check", str(base)]) == 0
        assert "in custody: 3 batches, 3 messages" in capsys.readouterr().out
        assert ec_show.main(["-d", str(base), "-n"]) == 0
        assert capsys.readouterr().out == "3\n"
        for receipt in (large, two, waits):
            await spool.settle([(ticket, Conclusion.DELIVERED) for ticket in receipt.tickets], [])
        assert shown(capsys, "-d", str(base)) == []


FILTERS = [
    (["--domain", "HUB.example"], ["d@z.example"]),
    (["--domain", "z.example"], []),
    (["--binding", "slow"], ["d@z.example"]),
    (["--binding", "default"], ["a@x.example", "c@y.example", "d@z.example"]),
    (["--recipient", r"^[ac]@"], ["a@x.example", "c@y.example"]),
    (["--recipient", r"^[ac]@", "--domain", "y.example"], ["c@y.example"]),
    (["--sender", "nobody"], []),
    (["--sender", r"b\.example$", "--min_retries", "1"], ["d@z.example"]),
    (["--min_retries", "5"], []),
    (["--min_age", "1e9"], []),
    (["--min_age", "100"], ["a@x.example", "c@y.example", "d@z.example"]),
    (["--start_date", "1700000000", "--end_date", "2023-12-01"], ["a@x.example", "c@y.example", "d@z.example"]),
    (["--start_date", "2023-12-01 10:00:00"], []),
    (["--end_date", "1699999999"], []),
]


def test_filters(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(base)
    for arguments, paths in FILTERS:
        assert [row["forward_path"] for row in shown(capsys, "-d", str(base), *arguments)] == paths, arguments
        assert ec_show.main(["-d", str(base), "-n", *arguments]) == 0
        assert capsys.readouterr().out == f"{len(paths)}\n"


def test_one_message_and_its_content(base: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    large, _, waits = filled(base)
    for receipt, content in ((large, b"large " * 500), (waits, b"waits")):
        message_id = receipt.batch.messages[0].message_id
        assert ec_show.main(["-d", str(base), "-m", message_id]) == 0
        said = capfdbinary.readouterr().out
        assert said.startswith(b"Message: " + message_id.encode())
        assert said.endswith(content)
        assert b"\x1b" not in said
        assert ec_spool.main(["dump", receipt.batch.batch_id, "-d", str(base)]) == 0
        envelope, _, rest = capfdbinary.readouterr().out.partition(b"\n\n")
        assert json.loads(envelope)["batch_id"] == receipt.batch.batch_id
        assert rest == content
    assert ec_spool.main(["dump", "--all", "-d", str(base)]) == 0
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [base64.b64decode(line["content"]) for line in lines] == [b"large " * 500, b"two", b"waits"]
    assert ec_show.main(["-d", str(base), "-m", "none"]) == 1
    assert ec_spool.main(["dump", "none", "-d", str(base)]) == 1


def filled(base: Path) -> list[Receipt]:
    """A spool that was closed."""

    async def life() -> list[Receipt]:
        async with open_spool(os_machine(), terms(str(base))) as spool:
            return await mailed(spool)

    return trio.run(life)


def test_damage_is_told_and_left(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receipts = filled(base)
    [log] = base.glob("log/*.log")
    octets = log.read_bytes()
    place = octets.index(b"two")
    log.write_bytes(octets[:place] + b"TWO" + octets[place + 3 :])
    [content] = base.glob("content/*")
    content.write_bytes(b"short")
    before = {path: path.read_bytes() for path in base.rglob("*") if path.is_file()}
    assert ec_spool.main(["check", str(base)]) == 1
    said = capsys.readouterr().out
    assert "damaged:" in said
    assert f"not of 3000 octets: {content.name} of batch {receipts[0].batch.batch_id}" in said
    content.unlink()
    before.pop(content)
    assert ec_spool.main(["check", str(base)]) == 1
    assert "missing:" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in base.rglob("*") if path.is_file()} == before


def test_a_group_that_is_being_written_is_no_damage(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(base)
    [log] = base.glob("log/*.log")
    log.write_bytes(log.read_bytes()[:-10])
    assert ec_spool.main(["check", str(base)]) == 0
    assert "octets not finished" in capsys.readouterr().out


async def test_a_segment_that_goes_away_meanwhile(base: Path) -> None:
    async with open_spool(os_machine(), terms(str(base))) as spool:
        kept = await submit(spool, b"kept")
        files = SpoolFiles(str(base))
        files.read()
        for _ in range(40):  # the record of *kept* is copied forward, its segment goes
            receipt = await submit(spool, b"x" * 500)
            await spool.settle([(receipt.tickets[0], Conclusion.DELIVERED)], [])
        assert list(files.queued()) == []  # what it knew of is gone
        files.read()
        assert [queued.custody.batch_id for queued in files.queued()] == [kept.batch.batch_id]


def log_of(base: Path) -> bytes:
    return b"".join(path.read_bytes() for path in base.glob("log/*"))


async def test_idempotency_keys_are_shown_by_their_names(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_spool(os_machine(), terms(str(base))) as spool:
        receipt = await submit_keyed(spool, key("secret"), b"text")
        assert isinstance(receipt, Receipt)
        await spool.settle([(receipt.tickets[0], Conclusion.DELIVERED)], [])
        assert ec_spool.main(["check", str(base)]) == 0
        said = capsys.readouterr().out
        assert "1 keys" in said
        assert "in their time: 1 idempotency keys" in said
        assert ec_spool.main(["dump", "--keys", "-d", str(base)]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["name"], shown["digest"]) == (key("secret").name.hex(), key("secret").digest.hex())
        assert (shown["batch_id"], shown["seconds"]) == (receipt.batch.batch_id, 3600)
        assert (shown["reply"], shown["recipients"]) == ("250 2.0.0 OK", [])
        assert b"secret" not in log_of(base)


def test_version_1_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert ec_spool.main(["check", str(VERSION_1)]) == 0
    said = capsys.readouterr().out
    assert "version 1" in said
    assert "in custody: 8 batches, 20 messages" in said


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ec_spool.main(["check", str(tmp_path / "none")]) == 2
    assert ec_show.main(["-d", str(tmp_path / "none")]) == 1
    assert ec_show.main(["-c", str(tmp_path / "none.conf")]) == 2
    shutil.copytree(VERSION_1, tmp_path / "other")
    [log, _] = sorted((tmp_path / "other").glob("log/*"))
    subprocess.run(["sh", "-c", f"printf '\\0\\11' | dd of={log} bs=1 seek=8 conv=notrunc 2>/dev/null"], check=True)
    assert ec_spool.main(["check", str(tmp_path / "other")]) == 1  # its header is damaged: the rest is read
    for wrong in (["dump"], ["dump", "x", "--all"], ["--start_date", "soon"], ["--recipient", "("]):
        with pytest.raises(SystemExit) as ended:
            (ec_spool if wrong[0] == "dump" else ec_show).main(wrong)
        assert ended.value.code == 2
    capsys.readouterr()


def test_the_spool_of_a_configuration(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(base)
    config = tmp_path / "ecelerity.conf"
    config.write_text(f'SpoolBase = "{base}"\n')
    assert ec_show.main(["-c", str(config), "-n"]) == 0
    assert capsys.readouterr().out == "3\n"
    assert ec_spool.main(["-c", str(config), "check"]) == 0


@pytest.mark.parametrize("command", [["ec_show", "-n", "-d"], ["ec_spool", "check"]])
def test_without_trio(command: list[str]) -> None:
    name, *arguments = command
    arguments.append(str(VERSION_1))
    program = (
        f"import sys; from momentum_trio.cli import {name} as command; status = command.main({arguments!r}); "
        "sys.exit(status or 9 * ('trio' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
