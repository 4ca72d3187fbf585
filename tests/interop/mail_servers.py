"""Exim, Dovecot and Postfix as servers for one test: unpacked packages, everything below one folder, none left running.

They change to users of their own, and need root for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import CACHE, environment, program

CERTIFICATES = Path(__file__).resolve().parents[2] / "sim" / "certificates"
START_SECONDS, STOP_SECONDS = 20, 10
OWNER = "mail"
EXIM_USER, EXIM_ID = "Debian-exim", 64999
"""A user whose name is built into Debian's Exim, for a library that pretends that it is there."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="these servers change to users of their own: needs root")

EXIM = """
primary_hostname = exim.example
exim_path = {start}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
exim_user = {owner}
exim_group = {owner}
keep_environment =
never_users =
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.key
tls_advertise_hosts = *
chunking_advertise_hosts = {chunking}
acl_smtp_rcpt = accept
smtp_accept_max = 50
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  user = {owner}
  group = {owner}
"""

EXIM_CLIENT = """
primary_hostname = exim.example
exim_path = {start}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
exim_user = {owner}
exim_group = {owner}
keep_environment =
never_users =
dsn_advertise_hosts = *
accept_8bitmime = true
smtputf8_advertise_hosts = *
acl_smtp_rcpt = accept
begin routers
all:
  driver = manualroute
  transport = onward
  route_list = * 127.0.0.1::{gateway}
  self = send
begin transports
onward:
  driver = smtp
  allow_localhost
  {transport}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^{user}^{listed}
login:
  driver = plaintext
  public_name = LOGIN
  client_send = : {user} : {listed}
cram_md5:
  driver = cram_md5
  public_name = CRAM-MD5
  client_name = {user}
  client_secret = {password}
"""

DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
mail_location = maildir:{folder}/mail/%n
mail_uid = {owner}
mail_gid = {owner}
first_valid_uid = 1
default_internal_user = {owner}
default_login_user = daemon
default_internal_group = {owner}
auth_username_format = %n
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
import_environment = LD_LIBRARY_PATH
service config {{
  executable = config -c {folder}/dovecot.conf
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""

OVERLAID = 'mount -t overlay overlay -o "lowerdir=$0:/usr/lib" /usr/lib && exec "$@"'
"""A shell's: runs a command to which unpacked libraries are where they would be installed, as nobody else sees it."""

POSTFIX_MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {peers}/usr/sbin
daemon_directory = {peers}/usr/lib/postfix/sbin
shlib_directory = {peers}/usr/lib/postfix
meta_directory = {folder}/etc
mail_owner = {owner}
setgid_group = games
default_privs = daemon
myhostname = postfix.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{relay}
alias_maps =
alias_database =
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {folder}/server.pem
smtpd_tls_key_file = {folder}/server.key
smtpd_tls_session_cache_database =
smtp_tls_security_level = may
smtp_tls_session_cache_database =
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
import_environment = LD_LIBRARY_PATH MAIL_CONFIG PATH
export_environment = LD_LIBRARY_PATH MAIL_CONFIG PATH
"""

POSTFIX_MASTER = """127.0.0.1:{port} inet n - n - 20 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
smtp unix - - n - - smtp
tlsmgr unix - - n 1000? 1 tlsmgr
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


QUEUES = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold"),
    *("incoming", "maildrop", "private", "public", "saved", "trace"),
)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def give(folder: Path) -> None:
    """Make *folder*, which is a server's user's."""
    folder.mkdir(exist_ok=True)
    shutil.chown(folder, OWNER, OWNER)


@contextmanager
def running(command: list[str], port: int, log: Path, env: dict[str, str]) -> Iterator[None]:
    """A server for the block, once it greets on *port*; with all of its processes ended afterwards."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        limit = time.monotonic() + START_SECONDS
        while not greets(port):
            assert server.poll() is None, f"{command[0]} ended:\n{log.read_text()}"
            assert time.monotonic() < limit, f"{command[0]} does not greet:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        finally:
            try:
                os.killpg(server.pid, signal.SIGKILL)  # the session of its own that it was started in
            except ProcessLookupError:
                pass


def greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            return probe.recv(100).startswith(b"220")
    except OSError:
        return False


def with_certificate(folder: Path) -> None:
    for name in ("server.pem", "server.key"):
        shutil.copy(CERTIFICATES / name, folder / name)
        shutil.chown(folder / name, OWNER)
        (folder / name).chmod(0o600)


def exim_start(folder: Path) -> Path:
    """A script that starts Exim, and that Exim starts itself by, without being installed: made in *folder*."""
    passwd, group, start = folder / "passwd", folder / "group", folder / "exim"
    passwd.write_text(Path("/etc/passwd").read_text() + f"{EXIM_USER}:x:{EXIM_ID}:{EXIM_ID}::/nonexistent:/bin/false\n")
    group.write_text(Path("/etc/group").read_text() + f"{EXIM_USER}:x:{EXIM_ID}:\n")
    binary = shutil.copyfile(program("exim4"), folder / "exim4")  # without the bits that would forbid LD_LIBRARY_PATH
    binary.chmod(0o755)
    start.write_text(  # it starts itself anew, without its environment
        f"#!/bin/sh\nLD_LIBRARY_PATH={environment()['LD_LIBRARY_PATH']} LD_PRELOAD=libnss_wrapper.so"
        f' NSS_WRAPPER_PASSWD={passwd} NSS_WRAPPER_GROUP={group} exec {binary} "$@"\n'
    )
    start.chmod(0o755)
    return start


def through_exim(folder: Path, session: bytes, gateway: int, user: str, password: str, *transport: str) -> None:
    """Exim takes the mail of *session*, commands and content on its standard input, and hands it on to the port
    *gateway* before it ends. transport: options of how."""
    give(folder)
    config, start = folder / "client.conf", exim_start(folder)
    fields = {"folder": folder, "owner": OWNER, "start": start, "user": user, "password": password}
    fields["listed"] = password.replace(":", "::")  # as an element of a list of Exim's
    config.write_text(EXIM_CLIENT.format(gateway=gateway, transport="\n  ".join(transport), **fields))
    command = [str(start), "-C", str(config), "-odf", "-bs"]
    ran = subprocess.run(command, input=session, capture_output=True, timeout=60, env=environment())
    assert ran.returncode == 0, ran.stdout + ran.stderr


@contextmanager
def exim(folder: Path, *, chunking: bool = True) -> Iterator[int]:
    """Exim, which keeps all mail in ``folder/mail``; the port it listens on."""
    port = free_port()
    give(folder)
    with_certificate(folder)
    config, start = folder / "exim.conf", exim_start(folder)
    fields = {"folder": folder, "port": port, "owner": OWNER, "start": start}
    config.write_text(EXIM.format(chunking="*" if chunking else "", **fields))
    with running([str(start), "-bdf", "-C", str(config)], port, folder / "output", environment()):
        yield port


def overlaid() -> list[str]:
    """What to put before a command that looks for its modules where they would be installed; without it a skip."""
    command = ["unshare", "--mount", "sh", "-c", OVERLAID, str(CACHE / "usr/lib")]
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("Dovecot's modules need a mount of their own: there is no unshare here")
    if tried.returncode:
        pytest.skip(f"Dovecot's modules need a mount of their own: {tried.stderr.strip()}")
    return command


@contextmanager
def dovecot(folder: Path, *users: str) -> Iterator[int]:
    """Dovecot's LMTP server on a port and on ``folder/lmtp``; mail to one of *users* goes to ``folder/mail/USER``."""
    master, doveconf, port = program("dovecot"), program("doveconf"), free_port()
    give(folder)
    give(folder / "mail")
    (folder / "users").write_text("".join(f"{user}:{{PLAIN}}x::::{folder}::\n" for user in users))
    config = folder / "dovecot.conf"
    config.write_text(DOVECOT.format(folder=folder, port=port, owner=OWNER))
    env = environment()
    env["LD_LIBRARY_PATH"] = f"/usr/lib/dovecot:{env['LD_LIBRARY_PATH']}"
    # dovecot itself would look for doveconf where it is installed
    command = [*overlaid(), doveconf, "-f", "service=master", "-c", str(config), "-e", master, "-F"]
    with running(command, port, folder / "output", env):
        yield port


@contextmanager
def postfix(folder: Path, relay: int) -> Iterator[int]:
    """Postfix, which demands TLS and hands all mail on to the port *relay*; the port it listens on."""
    port = free_port()
    give(folder)
    with_certificate(folder)
    (folder / "etc").mkdir()
    (folder / "queue").mkdir()
    give(folder / "data")
    for name in QUEUES:
        give(folder / "queue" / name)
    (folder / "queue/pid").mkdir()
    fields = {"folder": folder, "peers": CACHE, "owner": OWNER, "relay": relay, "port": port}
    (folder / "etc/main.cf").write_text(POSTFIX_MAIN.format(**fields))
    (folder / "etc/master.cf").write_text(POSTFIX_MASTER.format(**fields))
    env = environment() | {"MAIL_CONFIG": str(folder / "etc")}
    master = str(CACHE / "usr/lib/postfix/sbin/master")
    with running([master, "-c", str(folder / "etc"), "-d"], port, folder / "output", env):
        yield port
