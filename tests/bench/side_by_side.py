"""``make bench``: Postfix and this host under the same load, alternating in one run (tests/bench/README.md).

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
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
smtpd_tls_security_level = none
smtpd_client_connection_count_limit = 0
maillog_file = /dev/null
maillog_file_prefixes = /dev
import_environment = LD_LIBRARY_PATH MAIL_CONFIG PATH
export_environment = LD_LIBRARY_PATH MAIL_CONFIG PATH
"""

MASTER_CF = """127.0.0.1:{port} inet n - n - 200 smtpd
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
ESMTP_Listener {{ Listen "127.0.0.1:{port}" {{ Listen_Backlog = 4096 }} }}
Control_Listener {{ Listen "{work}/control" {{}} }}
"""


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


def main() -> None:
    """Run both under every case asked for; print medians, CPU per message and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1024", help="octets a message, a list with commas")
    parser.add_argument("--sessions", default="20")
    parser.add_argument("--mode", default="reuse", help="reuse: many messages a connection; single: one")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    with ExitStack() as stack:
        theirs = stack.enter_context(postfix(WORK / "postfix"))
        mine = stack.enter_context(ours(WORK / "ours"))
        command = [sys.executable, str(ROOT / "tests/bench/smtpbench.py"), "run", "--target", theirs, "--target", mine]
        command += ["--size", arguments.size, "--sessions", arguments.sessions, "--mode", arguments.mode]
        command += ["--rounds", str(arguments.rounds), "--seconds", str(arguments.seconds)]
        environment = {
            **os.environ,
            "PATH": f"{PEERS}/usr/sbin:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{PEERS}/usr/lib/postfix",
        }
        output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in output.splitlines():
        result = json.loads(line)
        if result["type"] != "summary":
            continue
        print(f"{result['mode']}, {result['size']} octets, {result['sessions']} sessions, {arguments.rounds} rounds")
        base = result["targets"]["postfix"]
        for name, row in result["targets"].items():
            print(
                f"  {name:8} {row['median']:8.0f} msg/s ({row['min']:.0f} to {row['max']:.0f})"
                f"  {row['cpu_us_per_msg']:7.0f} us CPU a message  rate x {row['median'] / base['median']:.2f}"
                f"  CPU x {row['cpu_us_per_msg'] / base['cpu_us_per_msg']:.2f}  peak RSS {row['peak_rss_mib']} MiB"
            )


if __name__ == "__main__":
    main()
