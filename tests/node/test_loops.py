"""Two hosts that each think the other one takes the mail: it goes back and forth until one of them sees the loop."""

from __future__ import annotations

import pytest
import trio
from simulated_host import CONFIG_PATH, Site, write_file

from momentum_trio.mail.record import Failed, Received
from momentum_trio.node.node import run_node
from momentum_trio.reception.mail_loop_options import RECEIVED_MAX

OTHER = "10.0.0.9"
EACH = """
Hostname = "{name}.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Retry_Interval = 60
Domain "example.com" {{ Gateway = "{other}" }}
ESMTP_Listener {{ Listen ":25" {{}} }}
Control_Listener {{ Listen "/run/control" {{}} }}
"""
HOURS = 3600.0


@pytest.mark.parametrize("sender", ["ann@client.example", ""])
def test_mail_between_two_hosts_ends(sender: str) -> None:
    """RFC 5321 section 6.3: the host that counts too many Received fields refuses, the other one gives it up."""
    site = Site()
    other = site.world.host("other", OTHER)

    async def story(site: Site) -> None:
        await other.call(write_file, CONFIG_PATH, EACH.format(name="other", other="mx").encode())
        life = await other.start(run_node, CONFIG_PATH)
        await site.talk(
            "EHLO client.example",
            f"MAIL FROM:<{sender}>",
            "RCPT TO:<bob@example.com>",
            "DATA",
            "Subject: round and round\r\n\r\nx\r\n.",
        )
        await trio.sleep(12 * HOURS)
        await life.stop(60)

    site.run(EACH.format(name="mx", other="other"), story)
    records = [record for _, record in site.world.records]
    assert sum(isinstance(record, Received) and record.protocol == "esmtp" for record in records) == RECEIVED_MAX + 1
    (refused,) = [record for record in records if isinstance(record, Failed) and record.permanent]
    assert (refused.forward_path, refused.reason) == (
        "bob@example.com",
        "554 5.4.6 mail loop: too many Received headers",
    )
