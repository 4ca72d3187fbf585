"""``make bench``: Postfix and this host under the same loads, in turn (tests/bench/README.md).

Both take custody and deliver nothing: Postfix puts mail into its hold queue, this host has Suspend_Delivery. Postfix is
the unpacked Debian package with queue and data below .cache; its master insists on uid 0, so that without root it is
started in a user namespace of its own (which needs util-linux's unshare and subordinate ids).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".cache" / "peers" / "root"
WORK = ROOT / ".cache" / "bench"
START_SECONDS = 20

MAIN_CF = """compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
command_directory = {peers}/usr/sbin
daemon_directory = {peers}/usr/lib/postfix/sbin
shlib_directory = {peers}/usr/lib/postfix
meta_directory = {work}/etc
mail_owner = mail
setgid_group = games
default_privs = daemon
myhostname = postfix.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
{way}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {work}/etc/tls.pem
smtpd_tls_key_file = {work}/etc/tls.pem
smtpd_client_connection_count_limit = 0
maillog_file = /dev/null
maillog_file_prefixes = /dev
import_environment = LD_LIBRARY_PATH MAIL_CONFIG PATH
export_environment = LD_LIBRARY_PATH MAIL_CONFIG PATH
"""

MASTER_CF = """127.0.0.1:{port} inet n - n - 200 smtpd
tlsmgr unix - - n 1000? 1 tlsmgr
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

HOLD = "smtpd_client_restrictions = check_client_access static:hold"
"""Mail goes into the hold queue, and nowhere from there."""

OUR_CONF = """
Hostname = "ours.example"
SpoolBase = "{work}/spool"
{way}
Relay_Domains = ( "d.test" )
TLS_Certificate = "{work}/tls.pem"
ESMTP_Listener {{
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "STARTTLS" )
  Listen "127.0.0.1:{port}" {{ Listen_Backlog = 4096 }}
}}
Control_Listener {{ Listen "{work}/control" {{}} }}
"""


SMTPBENCH = str(ROOT / "tests/bench/smtpbench.py")
SMTPLOAD = f"{sys.executable} {ROOT / 'tests/bench/smtpload.py'} {{host}} {{port}} {{sessions}} {{count}} {{size}}"


@dataclass(frozen=True, slots=True)
class Case:
    """A row. sessions: at the same time. messages: a round, the same for both hosts. load: what the driver is told.
    octets: of a message. mode: of smtp-source, which is the driver then: ``reuse``: many messages a connection,
    ``single``: one."""

    name: str
    sessions: int
    messages: int
    load: str = ""
    octets: int = 1024
    mode: str = ""

    @property
    def words(self) -> list[str]:
        """What smtpbench is told."""
        if self.mode:
            return ["run", "--mode", self.mode]
        return ["tcp", "--driver", f"{SMTPLOAD} {self.load}"]


CASES = (
    Case("20 sessions, smtp-source", 20, 2000, mode="reuse"),
    Case("a connection a message", 20, 1000, mode="single"),
    Case("one session", 1, 500),
    Case("100 sessions", 100, 3000),
    Case("pipelined", 20, 2000, "--pipelined"),
    Case("with TLS", 20, 2000, "--tls"),
    Case("pipelined with TLS", 20, 2000, "--pipelined --tls"),
)
"""All but the first two with our own driver, one command at a time where nothing else is said."""


def make_certificate(path: Path) -> None:
    """A key and a certificate of its own, in one file: P-256 for both hosts."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=bench.example", "-days", "30", "-keyout", str(path), "-out", f"{path}.cert"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    path.write_bytes(path.read_bytes() + Path(f"{path}.cert").read_bytes())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, what: str) -> None:
    """Return once *port* greets."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
                if probe.recv(100).startswith(b"220"):
                    return
        except OSError:
            pass
        if time.monotonic() > limit:
            raise SystemExit(f"{what} does not greet on port {port}")
        time.sleep(0.1)


@contextmanager
def postfix(work: Path, way: str = HOLD) -> Iterator[str]:
    """Postfix behind a port of its own; *way*: where its mail goes. Yields its target for smtpbench."""
    port = free_port()
    libraries = f"{PEERS}/usr/lib/postfix:{PEERS}/usr/lib/x86_64-linux-gnu"
    for folder in ("etc", "data", "queue"):
        (work / folder).mkdir(parents=True)
    subfolders = "active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace"
    for name in subfolders.split():
        (work / "queue" / name).mkdir()
    (work / "etc/main.cf").write_text(MAIN_CF.format(work=work, peers=PEERS, way=way))
    make_certificate(work / "etc/tls.pem")
    (work / "etc/master.cf").write_text(MASTER_CF.format(port=port))
    if os.geteuid() == 0:
        for name in ("data", *(f"queue/{n}" for n in subfolders.split() if n != "pid")):
            shutil.chown(work / name, "mail")
        (work / "queue").chmod(0o755)
        work.chmod(0o755)
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries, "MAIL_CONFIG": str(work / "etc")}
    command = [str(PEERS / "usr/lib/postfix/sbin/master"), "-c", str(work / "etc"), "-d"]
    if os.geteuid() != 0:
        if shutil.which("newuidmap") is None:
            raise SystemExit("Postfix insists on uid 0: run as root, or with the package uidmap and subordinate ids")
        command = ["unshare", "--user", "--map-root-user", "--map-auto", "--", *command]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(port, "Postfix")
        yield f"postfix=127.0.0.1:{port},pid={process.pid},clean=find {work}/queue/hold -type f -delete"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def ours(work: Path, way: str = "Suspend_Delivery = true") -> Iterator[str]:
    """This host, from the checkout; the same of it."""
    port = free_port()
    work.mkdir(parents=True)
    make_certificate(work / "tls.pem")
    config = work / "ecelerity.conf"
    config.write_text(OUR_CONF.format(work=work, port=port, way=way))
    command = [sys.executable, "-m", "momentum_trio", "-c", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait_for(port, "momentum-trio")
        yield f"ours=127.0.0.1:{port},pid={process.pid}"
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class Row:
    """A case measured. Each list has a number for each round: messages a second, us of CPU a message."""

    case: Case
    rates: dict[str, list[float]]
    costs: dict[str, list[float]]

    def __str__(self) -> str:
        each = [ours / theirs for theirs, ours in zip(self.costs["postfix"], self.costs["ours"], strict=True)]
        medians = [statistics.median(values) for found in (self.rates, self.costs) for values in found.values()]
        figures = " | ".join(f"{figure:.0f}" for figure in medians)
        return f"| {self.case.name} | {figures} | {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f}) |"


HEAD = """| 1 KiB a message | Postfix: messages/s | ours | Postfix: CPU us a message | ours | CPU, ratio (range) |
| --- | --- | --- | --- | --- | --- |"""


def measured(case: Case, targets: list[str], rounds: int) -> Row:
    """Run *case* against *targets* in turn."""
    command = [sys.executable, SMTPBENCH, *case.words, "--size", str(case.octets), "--sessions", str(case.sessions)]
    command += ["--rounds", str(1 + rounds), "--messages", str(case.messages)]
    for target in targets:
        command += ["--target", target]
    environment = {
        **os.environ,
        "PATH": f"{PEERS}/usr/sbin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{PEERS}/usr/lib/postfix",
    }
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    row = Row(case, {"postfix": [], "ours": []}, {"postfix": [], "ours": []})
    for sample in map(json.loads, output.splitlines()):
        if sample["type"] != "sample" or not sample["round"]:  # the first is to warm up
            continue
        if sample["error"] is not None:
            raise SystemExit(f"{case.name}: {sample['target']}: {sample['error']}")
        row.rates[sample["target"]].append(sample["msg_per_s"])
        row.costs[sample["target"]].append(sample["server_cpu_us_per_msg"])
    return row


def main() -> None:
    """Run both under every case; print a table of medians, and CPU ratios round by round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    with ExitStack() as stack:
        targets = [stack.enter_context(postfix(WORK / "postfix")), stack.enter_context(ours(WORK / "ours"))]
        print(HEAD)
        for case in CASES:
            if arguments.only in case.name:
                print(measured(case, targets, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
