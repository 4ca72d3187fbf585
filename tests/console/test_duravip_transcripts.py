"""``cluster duravip …`` and ``cluster arp show`` as an operator sees them: layouts are those that the manual prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from console_host import console_host
from floating_addresses import PlainFloating
from test_cluster_transcripts import PlainCluster
from transcript import exchanges

TABLES = """
> cluster duravip show tables
<duravip view="7:labrat-2:0" stable="5420" complete="true">
  <address ip="10.80.116.50" safety="safe" conflict="false" follows="" stable="5409">
    <node name="labrat-2" member="#ec1-1#labrat-2" owner="false" holds="false" services="multivip" \
bindings="flowgomail-hotmail-50 flowgomail-hotmail-51 flowgomail-hotmail-52" preference=""/>
    <node name="labrat-1" member="#ec1-1#labrat-1" owner="false" holds="false" services="multivip" \
bindings="flowgomail-hotmail-50 flowgomail-hotmail-51 flowgomail-hotmail-52" preference=""/>
    <node name="labrat-4" member="#ec1-1#labrat-4" owner="true" holds="true" services="multivip" \
bindings="flowgomail-hotmail-50 flowgomail-hotmail-51 flowgomail-hotmail-52" preference=""/>
  </address>
  <address ip="10.80.116.53" safety="safe" conflict="false" follows="" stable="5466">
    <node name="labrat-2" member="#ec1-1#labrat-2" owner="true" holds="true" services="multivip" \
bindings="flowgomail-hotmail-53" preference=""/>
    <node name="labrat-1" member="#ec1-1#labrat-1" owner="false" holds="false" services="multivip" \
bindings="flowgomail-hotmail-53" preference=""/>
    <node name="labrat-4" member="#ec1-1#labrat-4" owner="false" holds="false" services="multivip" \
bindings="flowgomail-hotmail-53" preference=""/>
  </address>
  <address ip="10.80.116.60" safety="BROKEN" conflict="true" follows="" stable="3">
    <node name="labrat-2" member="#ec1-1#labrat-2" owner="false" holds="false" services="ESMTP:25 multivip" \
bindings="a" preference=""/>
    <node name="labrat-1" member="#ec1-1#labrat-1" owner="false" holds="false" services="multivip" bindings="b" \
preference=""/>
  </address>
  <address ip="fd80::1" safety="UNSAFE" conflict="false" follows="10.80.116.53" stable="3">
    <node name="labrat-2" member="#ec1-1#labrat-2" owner="true" holds="true" services="ESMTP:25" bindings="" \
preference=""/>
  </address>
</duravip>
"""

CONVERSATIONS = {
    "floating addresses": """
> cluster duravip show
DuraVIP State:
10.80.116.50/flowgomail-hotmail-50/flowgomail-hotmail-51/flowgomail-hotmail-52: (owned,safe) multivip
\t[view stable for 5420 seconds]
\t[configuration stable for 5409 seconds]
    \tlabrat-2 multivip
    \tlabrat-1 multivip
 *  \tlabrat-4 multivip
10.80.116.53/flowgomail-hotmail-53: (owned,safe) multivip
\t[view stable for 5420 seconds]
\t[configuration stable for 5466 seconds]
 *  \tlabrat-2 multivip
    \tlabrat-1 multivip
    \tlabrat-4 multivip
10.80.116.60/a/b: (unowned,BROKEN,in conflict) ESMTP:25 multivip
\t[view stable for 5420 seconds]
\t[configuration stable for 3 seconds]
    \tlabrat-2 ESMTP:25 multivip
    \tlabrat-1 multivip
fd80::1: (owned,UNSAFE) ESMTP:25
\t[view stable for 5420 seconds]
\t[configuration stable for 3 seconds]
\t[follows 10.80.116.53]
 *  \tlabrat-2 ESMTP:25
> cluster arp show
10.80.116.204    [00:e0:81:63:5c:e8]  43s
10.80.117.25     [00:30:48:52:f9:06]  8s
> cluster duravip announce view
This node has announced its view of the floating addresses
> cluster duravip debug on
DuraVIP debugging is on
> cluster duravip debug OFF
DuraVIP debugging is off
! cluster duravip debug
usage: cluster duravip debug on|off
> cluster duravip move 10.80.116.50 to labrat-1
10.80.116.50 moves to labrat-1
> cluster duravip move labrat-2 labrat-1
10.80.116.53 moves to labrat-1
! cluster duravip move [fd80::1] to nobody
Nothing of [fd80::1] can be moved to nobody
! cluster duravip move labrat-2
usage: cluster duravip move ADDRESS|NODE [to] NODE
""",
    "tables": TABLES,
}


async def test_transcript(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        floating = PlainFloating()
        host.administration.cluster = PlainCluster(floating=floating)
        console = await host.connect()
        for mark, typed, answer in (each for said in CONVERSATIONS.values() for each in exchanges(said)):
            status, text = await console.ask(typed)
            assert text == answer, typed
            assert status == {">": "ok", "!": "error"}[mark], typed
    assert floating.announced == 1
    assert floating.debugs == [True, False]
    assert floating.moves == [("10.80.116.50", "", "labrat-1"), ("", "labrat-2", "labrat-1"), ("fd80::1", "", "nobody")]


@pytest.mark.parametrize("line", ["cluster duravip show", "cluster duravip move a b", "cluster arp show"])
async def test_in_no_cluster(line: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        status, text = await host.ask(line)
    assert status == "error"
    assert text == "This node is in no cluster: its configuration has no cluster {} that is enabled\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cluster duravip debug ", ("off", "on")),
        ("cluster duravip move 10.80.116.50 ", ("pono", "to")),
        ("cluster duravip move 10.80.116.50 to ", ("pono",)),
    ],
)
async def test_completions(line: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        host.administration.cluster = PlainCluster()
        console = await host.connect()
        assert (await console.complete(line))[1] == expected
