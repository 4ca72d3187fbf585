"""What ``ecelerity`` says at its terminal: what is bound, what is not and why, and commands that can be pasted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from momentum_trio.cli import ecelerity
from sim.certificates import HERE, SERVER, SERVER_KEY


def announcement(folder: Path, config: str, *program: str, environment: dict[str, str] | None = None) -> list[str]:
    """The lines up to the one about the console."""
    (folder / "ecelerity.conf").write_text(f'SpoolBase = "{folder}/spool"\n{config}')
    command = [*(program or (sys.executable, "-m", "momentum_trio")), "-c", "ecelerity.conf"]
    root = Path(ecelerity.__file__).parents[2]
    surroundings = os.environ | {"PYTHONPATH": str(root)} | (environment or {})
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=surroundings
    ) as host:
        assert host.stdout is not None
        lines: list[str] = []
        try:
            for line in host.stdout:
                if not line.startswith("warning: runs as root"):  # whoever runs the tests
                    lines.append(line.rstrip("\n"))
                if "console" in line:
                    break
        finally:
            host.kill()
    return lines


def test_every_listen_has_a_line_and_what_is_not_bound_its_reason(tmp_path: Path) -> None:
    lines = announcement(
        tmp_path,
        'ESMTP_Listener { Listen "127.0.0.1:0" { Enable = false } Listen "/tmp/not-there" { Enable = false } }\n'
        f'Control_Listener {{ Listen "{tmp_path}/control" {{ }} }}\n',
    )
    rows = [line.split(maxsplit=2) for line in lines[:3]]
    assert sorted(rows) == [
        ["Control_Listener", f"{tmp_path}/control"],
        ["ESMTP_Listener", "/tmp/not-there", "not bound: Enable = false"],
        ["ESMTP_Listener", "127.0.0.1:0", "not bound: Enable = false"],
    ]
    assert lines[3].endswith(f" {tmp_path}/control")


def test_a_warning_has_its_line_and_a_caret(tmp_path: Path) -> None:
    lines = announcement(tmp_path, "ac_auth { }\n")
    assert lines == [
        "ecelerity.conf:2:1: warning: ac_auth: not a part of this host: kept, without effect",
        "    ac_auth { }",
        "    ^",
        "There is no console: no Listen of a Control_Listener is bound.",
    ]


@pytest.mark.parametrize(
    ("relay", "said"),
    [
        ("", "No mail is taken from 127.0.0.1 yet"),
        ('Relay_Domains = ( "*.example" b.example )', "'you@b.example'"),
        ("Relay_Hosts = ( 127.0.0.0/8 )", "'you@example.com'"),
        ("ESMTP_Listener { Open_Relay = true }", "'you@example.com'"),
    ],
)
def test_the_first_message_is_one_that_would_be_taken(tmp_path: Path, relay: str, said: str) -> None:
    lines = announcement(tmp_path, f'{relay}\nESMTP_Listener {{ Listen "127.0.0.1:0" {{ }} }}\n')
    assert [line for line in lines if said in line]


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ('Domain "kept.example" { Delivery_Method = APN }', "delivery by APN is not built here"),
        ('Domain "kept.example" { Delivery_Method = ECSTREAM }', "delivery by ECSTREAM needs a Gateway"),
        ('Domain "kept.example" { Delivery_Method = MAILDIR }', "Maildir_Path is not set"),
    ],
)
def test_mail_that_would_be_kept_and_not_delivered_is_said(tmp_path: Path, domain: str, reason: str) -> None:
    lines = announcement(tmp_path, f'Relay_Domains = ( "kept.example" )\n{domain}\n')
    assert lines[0] == f"warning: mail for kept.example is taken and kept, not delivered: {reason}"


@pytest.mark.parametrize(("option", "scheme"), [("", "http"), ("Use_SSL = true", "https")])
def test_the_page_has_its_address(tmp_path: Path, option: str, scheme: str) -> None:
    tls = f'TLS_Certificate = "{HERE / SERVER}" TLS_Key = "{HERE / SERVER_KEY}"'
    lines = announcement(tmp_path, f'HTTP_Listener {{ {tls} Listen "*:0" {{ {option} }} }}\n')
    (said,) = [line for line in lines if line.startswith("To see it in a browser:   ")]
    assert re.fullmatch(rf".*   {scheme}://127\.0\.0\.1:[0-9]+/", said)


def test_the_console_command_can_be_pasted(tmp_path: Path) -> None:
    """From a checkout: the sibling of the program as it was called. With the tools on the PATH: their name."""
    scripts = tmp_path / ".venv" / "bin"
    scripts.mkdir(parents=True)
    for name in ("ecelerity", "ec_console"):
        module = "ecelerity" if name == "ecelerity" else "ec_console"
        script = scripts / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\nfrom momentum_trio.cli.{module} import main\nsys.exit(main())\n"
        )
        script.chmod(0o755)
    config = 'Control_Listener { Listen "*:0" { } }\n'
    bare = {"PATH": "/usr/bin:/bin"}
    (*_, said) = announcement(tmp_path, config, ".venv/bin/ecelerity", environment=bare)
    assert said.startswith("To open the console:      .venv/bin/ec_console 127.0.0.1:")
    environment = {"PATH": f"{scripts}:/usr/bin:/bin"}
    (*_, said) = announcement(tmp_path, config, ".venv/bin/ecelerity", environment=environment)
    assert said.startswith("To open the console:      ec_console 127.0.0.1:")
