"""What sessions that say nothing cost this host: 10,000 that were greeted and said EHLO, memory each, and whether one
more is served at once.

Descriptors: both ends need one a session, so that the hard limit (``ulimit -Hn``) has to be above their number by a
seventh at least; what is not a session may have an eighth of the host's.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys

from side_by_side import SMTPBENCH, WORK, ours


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    shutil.rmtree(WORK, ignore_errors=True)
    with ours(WORK / "ours") as target:
        command = [sys.executable, SMTPBENCH, "idle", "--target", target, "--hello", "--timeout", "300"]
        command += ["--connections", str(arguments.sessions)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    served = "served" if found["extra_session_ok"] else "not served"
    print(f"{found['greeted']} sessions greeted, {found['ehlo_answered']} answered EHLO; one more is {served}")
    print(f"{found['pss_bytes_per_conn'] / 1024:.1f} KiB each")


if __name__ == "__main__":
    main()
