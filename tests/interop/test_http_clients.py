"""Real clients of the HTTP listener: curl with Basic, Digest, TLS, uploads; what the logs have of them."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host import CONFIG, Host, running
from mail_servers import CERTIFICATES, free_port
from peers import environment, program

from momentum_trio.protocol.sasl.digest_md5 import digest_of

pytestmark = pytest.mark.interop

REALM = "Momentum Console"
LISTENER = """
ec_logger {{ acctlog = "{folder}/acctlog" paniclog = "{folder}/paniclog" mainlog = "" rejectlog = "" }}
http_logger {{ log = "file://{folder}/httplog" }}
HTTP_Listener {{
  TLS_Certificate = "{tls}/server.pem" TLS_Key = "{tls}/server.key"
  AuthPlainParameters = [ uri = "file://{folder}/passwords" ]
  AuthDigestMD5Parameters = [ uri = "digest://{folder}/digests" ]
  Log_Requests_To_Paniclog = true
  Listen "127.0.0.1:{plain}" {{ }}
  Listen "127.0.0.1:{secure}" {{ Use_SSL = true }}
}}
"""


class Site:
    """A host, and where it answers."""

    def __init__(self, host: Host, plain: int, secure: int) -> None:
        self.host = host
        self.plain, self.secure = f"http://127.0.0.1:{plain}", f"https://localhost:{secure}"

    def logged(self, name: str) -> list[str]:
        return (self.host.folder / name).read_text().splitlines()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("host")
    (folder / "passwords").write_text("ada:s3cret:word\n")
    (folder / "digests").write_text(f"ada:{REALM}:{digest_of('ada', REALM, 's3cret:word')}\n")
    plain, secure = free_port(), free_port()
    listener = LISTENER.format(folder=folder, tls=CERTIFICATES, plain=plain, secure=secure)
    with running(folder, CONFIG.format(folder=folder, port=0, more="") + listener) as host:
        yield Site(host, plain, secure)


def curl(*arguments: str) -> str:
    """What curl prints; ``%{http_code}`` of each transfer at its end."""
    command = [program("curl"), "--silent", "--show-error", "--max-time", "20", "--write-out", "%{http_code}"]
    command += ["--cacert", f"{CERTIFICATES}/authority.pem", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout


@pytest.mark.parametrize("scheme", ["--basic", "--digest", "--anyauth"])
@pytest.mark.parametrize("place", ["plain", "secure"])
def test_curl_proves_who_it_is(site: Site, scheme: str, place: str) -> None:
    where = f"{getattr(site, place)}/robots.txt"
    assert curl(scheme, "--user", "ada:s3cret:word", where) == "User-agent: *\nDisallow: /\n200"


def test_curl_that_does_not_is_asked_to(site: Site) -> None:
    assert curl("--output", "/dev/null", f"{site.secure}/robots.txt") == "401"
    assert curl("--output", "/dev/null", "--basic", "--user", "ada:wrong", f"{site.secure}/robots.txt") == "401"


def test_curl_asks_twice_on_one_connection(site: Site) -> None:
    url = f"{site.plain}/healthz"
    said = curl("--write-out", "%{num_connects} ", "--output", "/dev/null", "--output", "/dev/null", url, url)
    assert said == "1 0 "


def test_curl_finds_its_copy_good(site: Site, tmp_path: Path) -> None:
    tag, url = tmp_path / "tag", f"{site.secure}/robots.txt"
    proof = ("--basic", "--user", "ada:s3cret:word", "--output", "/dev/null")
    assert curl(*proof, "--etag-save", str(tag), url) == "200"
    assert curl(*proof, "--etag-compare", str(tag), url) == "304"


def test_curl_waits_to_be_told_to_go_on(site: Site, tmp_path: Path) -> None:
    """A refusal is heard before a large body is sent."""
    large = tmp_path / "large"
    large.write_bytes(b"x" * 3_000_000)
    upload = ("--upload-file", str(large), "--output", "/dev/null", "--write-out", "%{http_code} %{size_upload}")
    assert curl(*upload, f"{site.plain}/robots.txt") == "401 0"


def test_curl_sends_chunks(site: Site, tmp_path: Path) -> None:
    chunks = ("--header", "Transfer-Encoding: chunked", "--data-binary", "x" * 1000, "--output", "/dev/null")
    assert curl(*chunks, "--basic", "--user", "ada:s3cret:word", f"{site.plain}/robots.txt") == "405"


def test_curl_that_speaks_to_the_wrong_name_is_not_answered(site: Site) -> None:
    assert curl("--header", "Host: evil.example", "--output", "/dev/null", f"{site.plain}/healthz") == "421"


def test_what_was_asked_is_in_the_logs(site: Site) -> None:
    curl("--output", "/dev/null", f"{site.plain}/healthz?of=logs")
    limit = time.monotonic() + 10
    while not any("?of=logs" in line for line in site.logged("httplog")):
        assert time.monotonic() < limit
        time.sleep(0.05)
    (line,) = [line for line in site.logged("httplog") if "?of=logs" in line]
    assert ' "GET healthz?of=logs HTTP/1.1" 200 ' in line
    (line,) = [line for line in site.logged("paniclog") if "?of=logs" in line]
    assert ':127.0.0.1 "GET healthz?of=logs HTTP/1.1" 200 ' in line


def test_an_end_within_tls_is_told(site: Site) -> None:
    port = int(site.secure.rpartition(":")[2])
    context = ssl.create_default_context(cafile=str(CERTIFICATES / "authority.pem"))
    with socket.create_connection(("127.0.0.1", port)) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            said = b""
            while octets := secure.recv(65536):
                said += octets
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"\r\n\r\nok\n")
