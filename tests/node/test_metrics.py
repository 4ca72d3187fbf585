"""/metrics of a whole node, as prometheus_client reads it; and the form, whatever the labels hold."""

from __future__ import annotations

from math import inf

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from simulated_host import CONTROL, Site, send_all

from momentum_trio.mail.bounce_class import BounceClass
from momentum_trio.mail.record import Delivered, Failed, Level, Panic, Received, Rejected, Transferred
from momentum_trio.metrics.exposition import exposition
from momentum_trio.metrics.metric import Distribution, Family, Kind, Metric, Sample
from momentum_trio.metrics.table import BOUNCES, DELIVERIES, METRICS, MOVED_MESSAGES, REJECTIONS
from momentum_trio.metrics.tally import PHASES_MAX, Tally
from momentum_trio.spool.latencies import BOUNDS_SECONDS, Latencies

CONFIG = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Suspend_Delivery = true
ESMTP_Listener {{ Listen ":25" {{}} }}
HTTP_Listener {{
  Always_Allow = true
  Listen "127.0.0.1:80" {{}}
  Listen ":81" {{}}
}}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
webhook "crm" {{ URL = "http://127.0.0.1:9/" Signing_Secret = "long-enough-a-secret" }}
"""
MESSAGE = ("MAIL FROM:<a@client.example>", "RCPT TO:<bob@example.com>", "DATA", "Subject: x\r\n\r\nx\r\n.")
MESSAGE_ID = ("m", "b", "c", "a@b.example", "", "g", "b")


REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def get(port: int) -> tuple[int, str]:
    """Status and body of /metrics on this host."""
    with trio.fail_after(30), trio.socket.socket() as socket:
        await socket.connect(("127.0.0.1" if port == 80 else "10.0.0.25", port))
        await send_all(socket, REQUEST)
        octets = b""
        while received := await socket.recv(65536):
            octets += received
    head, _, body = octets.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def test_what_a_node_tells_is_what_happened() -> None:
    async def story(site: Site) -> str:
        await site.talk("EHLO c", *MESSAGE, *MESSAGE)
        await site.talk("EHLO c", "MAIL FROM:<a@client.example>", "RCPT TO:<bob@elsewhere.example>")
        await trio.sleep(3)

        async def scrape(machine: object) -> str:
            status, text = await get(80)
            assert status == 200
            return text

        return await site.mx.call(scrape)

    text = Site().run(CONFIG, story)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = [sample for family in families.values() for sample in family.samples]
    told = {(sample.name, *sorted(sample.labels.items())): sample.value for sample in samples}
    declared = {metric.name.removesuffix("_total"): metric for metric in METRICS}
    assert set(families) <= set(declared)
    for name, family in families.items():
        assert (family.type, family.documentation) == (declared[name].kind.value, declared[name].meaning)
    assert told["momentum_receptions_total", ("protocol", "esmtp")] == 2
    assert told["momentum_rejections_total", ("code", "5xx"), ("phase", "awaiting rcptto")] == 1
    assert told["momentum_queue_domain_messages", ("domain", "example.com"), ("state", "active")] == 2
    assert told["momentum_sessions_total", ("listen", "*:25"), ("listener", "ESMTP_Listener")] == 2
    assert told["momentum_spool_commit_seconds_count",] >= 1
    assert told["momentum_event_followers",] == 1
    assert told["momentum_webhook_waiting_events", ("webhook", "crm")] >= 5
    assert told["momentum_webhook_failures_total", ("webhook", "crm")] >= 1


def test_from_another_address_a_role_is_needed() -> None:
    async def story(site: Site) -> int:
        async def scrape(machine: object) -> int:
            return (await get(81))[0]

        return await site.mx.call(scrape)

    assert Site().run(CONFIG, story) == 403


texts = st.text(max_size=8) | st.sampled_from(["\\", "\n", '"', "\r", "\ud800", "a b", "\u2028", "{}", "\\n"])


numbers = st.floats(-1e300, 1e300) | st.integers(0, 2**53)


@given(st.lists(st.tuples(texts, numbers), max_size=5, unique_by=lambda sample: sample[0]))
def test_whatever_labels_hold_is_read_back(samples: list[tuple[str, float]]) -> None:
    metric = Metric("m", Kind.GAUGE, "Of\ntests \\ here.", ("label",))
    text = exposition([Family(metric, [Sample(value, (label,)) for label, value in samples])])
    assert text.isascii() or text.encode()
    read = list(text_string_to_metric_families(text))
    if samples:
        assert read[0].documentation == metric.meaning
        assert [sample.value for sample in read[0].samples] == [value for _, value in samples]
        clean = [label.encode("utf-8", "replace").decode().replace("\r", " ") for label, _ in samples]
        assert [sample.labels["label"] for sample in read[0].samples] == clean


@given(st.lists(st.floats(0, 20), max_size=30))
def test_a_histogram_counts_each_once(seconds: list[float]) -> None:
    latencies = Latencies()
    for each in seconds:
        latencies.observe(each)
    metric = Metric("h", Kind.HISTOGRAM, "Of tests.")
    held = Distribution(BOUNDS_SECONDS, latencies.counts, latencies.sum_seconds)
    (read,) = text_string_to_metric_families(exposition([Family(metric, (), held)]))
    buckets = {float(sample.labels["le"]): sample.value for sample in read.samples if sample.name == "h_bucket"}
    assert buckets == {bound: sum(each <= bound for each in seconds) for bound in (*BOUNDS_SECONDS, inf)}
    totals = {sample.name: sample.value for sample in read.samples if not sample.labels}
    assert totals == {"h_count": len(seconds), "h_sum": pytest.approx(sum(seconds))}


def test_a_tally_counts_records_and_is_bounded() -> None:
    tally = Tally()
    for number in range(PHASES_MAX + 50):
        tally.take(Rejected(1.0, "", "", "", "", "", f"phase {number}", 450, "", ""))
        tally.take(Received(1.0, *MESSAGE_ID, "", 10, f"p{number}"))
    tally.take(Delivered(1.0, *MESSAGE_ID, "d", 1, 0, 1.0, ""))
    for _ in range(2):
        tally.take(Transferred(1.0, *MESSAGE_ID, "d", 1, 0, 1.0, ""))
    tally.take(Failed(1.0, *MESSAGE_ID, True, "d", 1, 0, 0, 1.0, "", "550 5.1.1 no such user"))
    tally.take(Failed(1.0, *MESSAGE_ID, False, "d", 1, 0, 0, 1.0, "", "450 busy"))
    tally.take(Panic(1.0, Level.ERROR, "oh"))
    told = {family.metric: family.samples for family in tally.families()}
    assert (tally.received, tally.rejected) == (PHASES_MAX + 50, PHASES_MAX + 50)
    assert len(told[REJECTIONS]) == PHASES_MAX
    assert (told[DELIVERIES], told[MOVED_MESSAGES]) == ((Sample(1),), (Sample(2),))
    assert told[BOUNCES] == [Sample(1, (BounceClass.INVALID_RECIPIENT.name.lower(),))]
    assert sum(len(samples) for samples in told.values()) < 200


def test_names_are_as_prometheus_wants_them() -> None:
    for metric in METRICS:
        assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total"), metric.name
        assert metric.name.startswith("momentum_")
    assert len({metric.name for metric in METRICS}) == len(METRICS)
