"""docs/metrics.md: every metric, written from the declarations."""

from __future__ import annotations

from momentum_trio.metrics.table import DOMAINS_SHOWN, METRICS

HEAD = f"""# Metrics

<!-- Made by `make reference`: do not edit. -->

`GET /metrics` at an HTTP_Listener, in Prometheus' text format, version 0.0.4. It is answered to whom a role allows
`metrics`; at a Listen on loopback that demands no authentication, to everybody there.

```
HTTP_Listener {{ Listen "127.0.0.1:2081" {{}} }}
```

Counters count from the start of the node. Numbers by routing domain are told of the {DOMAINS_SHOWN} domains with the
most messages that wait, so that there are never too many. What there is nothing of (no webhook, no rejection yet) is
left out. `explain` and the console's commands say more than numbers can.

| Metric | Is a | By | Means |
|---|---|---|---|
"""


def metrics_md() -> str:
    """The text of docs/metrics.md."""
    rows = (
        f"| `{metric.name}` | {metric.kind.value} | {', '.join(f'`{label}`' for label in metric.labels)} "
        f"| {metric.meaning} |\n"
        for metric in METRICS
    )
    return HEAD + "".join(rows)
