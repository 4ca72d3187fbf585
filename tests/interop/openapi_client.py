"""``make schemathesis``: requests made of ``/openapi.json``, good and bad ones, by a tool that is not ours.

    openapi_client.py SCHEMATHESIS [ARGUMENT...]

SCHEMATHESIS: its program, 4.32 or later. Arguments are passed on. The host delivers nothing; what it says in its
paniclog is printed. Exit status: that of the tool.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
EXAMPLES = 10

CONF = """
Hostname = "mx.example"
SpoolBase = "{work}/spool"
Suspend_Delivery = true
Relay_Domains = ( "example.com" )
ec_logger "all" {{ paniclog = "{work}/panic.log" }}
ESMTP_Listener {{ Listen "{work}/smtp" {{ }} }}
HTTP_Listener {{ Listen "127.0.0.1:{port}" {{ }} }}
"""


def main() -> int:
    """Start a host, and let the tool ask it."""
    program, *arguments = sys.argv[1:]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        config = work / "ecelerity.conf"
        config.write_text(CONF.format(work=work, port=port))
        command = [sys.executable, "-m", "momentum_trio", "-c", str(config)]
        host = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            _wait_for(port)
            settings = ["--config-file", str(Path(__file__).with_name("schemathesis.toml"))]
            asked = [f"http://127.0.0.1:{port}/openapi.json", "--continue-on-failure", f"--max-examples={EXAMPLES}"]
            return subprocess.run([program, *settings, "run", *asked, *arguments], cwd=work, check=False).returncode
        finally:
            host.terminate()
            host.wait()
            panics = work / "panic.log"
            sys.stdout.write(panics.read_text() if panics.exists() else "")


def _wait_for(port: int) -> None:
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
