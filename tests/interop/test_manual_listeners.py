"""Every example of the manual's page on listeners, loaded by a real host and seen to act.

The page is Momentum's «Listeners»; its ports 25 and 587 are replaced by free ones, nothing else.
"""

from __future__ import annotations

import smtplib
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from host import running
from peers import program

BASE = """Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Control_Listener {{ Listen "{folder}/control" {{}} }}
"""


def free_port() -> int:
    """A port nobody has at this moment, in both families."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


def ehlo(address: str, port: int, source: str = "") -> list[str]:
    """The extension lines of EHLO at an address, asked from *source*."""
    origin = (source, 0) if source else None
    with smtplib.SMTP(address, port, local_hostname="client.example", source_address=origin, timeout=10) as client:
        client.ehlo()
        assert client.ehlo_resp is not None
        return client.ehlo_resp.decode().split("\n")[1:]


def refused(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


def test_basic_listener(tmp_path: Path) -> None:
    port = free_port()
    config = BASE.format(folder=tmp_path) + f'ESMTP_Listener {{\n  Listen "*:{port}" {{}}\n}}\n'
    with running(tmp_path, config):
        assert "PIPELINING" in ehlo("127.0.0.1", port)


def test_a_peer_inside_a_listen_overrides_the_netblock_of_the_listener(tmp_path: Path) -> None:
    port = free_port()
    config = (
        BASE.format(folder=tmp_path)
        + f"""
ESMTP_Listener {{
  Peer "127.0.0.0/16" {{
    # general options for this netblock here
    Max_Message_Size = 1000
  }}
  Listen ":{port}" {{
    Peer "127.0.0.1" {{
      # options for 127.0.0.1 here
      SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "AUTH LOGIN" )
    }}
  }}
}}
"""
    )
    with running(tmp_path, config):
        inner = ehlo("127.0.0.1", port, "127.0.0.1")
        assert "ENHANCEDSTATUSCODES" in inner
        assert "SIZE 1000" in inner, "what the /32 does not set comes from the enclosing /16"
        block = ehlo("127.0.0.1", port, "127.0.0.2")
        assert "ENHANCEDSTATUSCODES" not in block
        assert "SIZE 1000" in block
        outside = ehlo("127.0.0.1", port, "127.1.0.1")
        assert not [line for line in outside if line.startswith(("SIZE", "ENHANCED"))]


def test_enable_false_is_not_bound_and_is_toggled_live(tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    config = (
        BASE.format(folder=tmp_path)
        + f"""
ESMTP_Listener {{
  Listen "*:{first}" {{
  }}
  Listen "*:{second}" {{
    Enable = false
  }}
}}
"""
    )
    with running(tmp_path, config) as host:
        assert refused("127.0.0.1", second)
        with smtplib.SMTP("127.0.0.1", first, timeout=10) as session:
            host.console("config", "set", "esmtp_listener", "listen", f":{first}", "enable", "false")
            assert refused("127.0.0.1", first), "closed at once"
            assert session.noop()[0] == 250, "an open session goes on"
        host.console("config", "set", "esmtp_listener", "listen", f":{first}", "enable", "true")
        assert not refused("127.0.0.1", first)
        host.console("config", "set", "esmtp_listener", "listen", f"*:{second}", "enable", "true")
        assert not refused("127.0.0.1", second)
        assert host.console("config", "get", "esmtp_listener", "listen", f":{second}", "enable").split() == [
            "Enable",
            "=",
            "true",
        ]


@needs_ipv6
def test_wildcard_specific_and_ipv6_on_one_port(tmp_path: Path) -> None:
    port = free_port()
    config = (
        BASE.format(folder=tmp_path)
        + f"""
ESMTP_Listener {{
  Listen "*:{port}" {{ Banner_Hostname = "any.example" }}
  Listen "127.0.0.1:{port}" {{ Banner_Hostname = "loopback.example" }}
  Listen "[*]:{port}" {{ Banner_Hostname = "six.example" }}
}}
"""
    )
    with running(tmp_path, config):
        for address, host_name in (("127.0.0.1", "loopback"), ("127.0.0.2", "any"), ("::1", "six")):
            with socket.create_connection((address, port), timeout=10) as session:
                assert session.recv(200).startswith(f"220 {host_name}.example ".encode())


def test_control_socket_mode_and_backlog(tmp_path: Path) -> None:
    control = tmp_path / "2025"
    config = f"""SpoolBase = "{tmp_path}/spool"
Control_Listener {{
  Listen "{control}" {{
    File_Mode = 0666
    Listen_Backlog = 500
  }}
}}
"""
    with running(tmp_path, config):
        facts = control.stat()
        assert stat.S_ISSOCK(facts.st_mode)
        assert stat.S_IMODE(facts.st_mode) == 0o666
        rows = subprocess.run([program("ss"), "-xlH"], capture_output=True, text=True, check=True).stdout.splitlines()
        (row,) = (row.split() for row in rows if row.split()[4].startswith(str(tmp_path)))
        assert row[3] == "500"


SPELLINGS = (
    "2001:db8:0:0:1:0:0:1",
    "2001:DB8:0:0:1:0:0:1",
    "2001:0DB8:0:0:1:0:0:1",
    "2001:db8::1:0:0:1",
    "2001:db8::0:1:0:0:1",
    "2001:0db8::1:0:0:1",
    "2001:db8:0:0:1::1",
    "2001:db8:0000:0:1::1",
    "2001:DB8:0:0:1::1",
)


def test_nine_spellings_are_one_listen(tmp_path: Path) -> None:
    """The Listen is not enabled, since no machine has the address; the console finds it under every spelling."""
    config = (
        BASE.format(folder=tmp_path)
        + f'ESMTP_Listener {{ Listen "[{SPELLINGS[0]}]:587" {{ Enable = false Idle_Time = 77 }} }}\n'
    )
    assert len(SPELLINGS) == 9
    with running(tmp_path, config) as host:
        for spelling in SPELLINGS:
            assert (
                host.console("config", "get", "esmtp_listener", "listen", f"[{spelling}]:587", "idle_time").split()[-1]
                == "77"
            )


@needs_ipv6
@pytest.mark.parametrize("spelling", ["[::]", "[0:0:0:0:0:0:0:0]", "[*]"])
def test_ipv6_wildcards(tmp_path: Path, spelling: str) -> None:
    port = free_port()
    with running(tmp_path, BASE.format(folder=tmp_path) + f'ESMTP_Listener {{ Listen "{spelling}:{port}" {{}} }}\n'):
        assert "PIPELINING" in ehlo("::1", port)
        assert refused("127.0.0.1", port), "IPv6 alone: [*] leaves room for a *"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('ESMTP_Listener { Listen "2001:db8::1:25" {} }', "brackets"),
        ('ESMTP_Listener { Listen "mail.example.com:25" {} }', "address"),
        ('ESMTP_Listener { Listen "127.0.0.1" {} }', "port"),
    ],
)
def test_listen_needs_brackets_address_and_port(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.conf"
    file.write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "momentum_trio.cli.validate_config", str(file)], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert said in run.stderr


def test_brackets_are_optional_in_peer_and_relay_hosts(tmp_path: Path) -> None:
    file = tmp_path / "good.conf"
    file.write_text(
        'Relay_Hosts = ( "2001:db8::1" "[2001:db8::2]" 10.0.0.0/8 )\n'
        'ESMTP_Listener { Peer "2001:db8::/32" {} Peer "[2001:db8:1::]/48" {} }\n'
    )
    run = subprocess.run(
        [sys.executable, "-m", "momentum_trio.cli.validate_config", str(file)], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout.strip().endswith("Configuration valid")) == (0, True), run.stderr
