"""One small file by https: what MTA-STS needs, and no more. No redirects, no cookies, no second request."""

from __future__ import annotations

from collections.abc import Sequence

import h11
import trio

from momentum_trio.machine.contract import TlsContext
from momentum_trio.net.certificate_name import is_named

PORT = 443
HEAD_OCTETS_MAX = 16_384
RECEIVE_OCTETS = 8_192


class FetchFault(Exception):
    """The other side did not give the file; the text says why."""


async def get(
    host: str, path: str, addresses: Sequence[str], context: TlsContext, *, octets_max: int, seconds: float
) -> bytes:
    """The file at ``https://HOST/PATH``, text/plain, of at most *octets_max*.

    addresses: of *host*, tried one after the other until one lets us connect. context: judges issuers; the name is
    judged here. seconds: for all of it.
    Raises: FetchFault for everything that the world does.
    """
    try:
        with trio.fail_after(seconds):
            async with await _connected(host, addresses, context) as stream:
                return await _exchange(stream, host, path, octets_max)
    except trio.TooSlowError:
        raise FetchFault("timed out") from None
    except h11.RemoteProtocolError as fault:
        raise FetchFault(str(fault)) from None
    except (trio.BrokenResourceError, OSError) as fault:
        raise FetchFault(str(fault.__cause__ or fault)) from None


async def _connected(host: str, addresses: Sequence[str], context: TlsContext) -> trio.SSLStream[trio.SocketStream]:
    for address in addresses:
        family = trio.socket.AF_INET6 if ":" in address else trio.socket.AF_INET
        socket = trio.socket.socket(family, trio.socket.SOCK_STREAM)
        try:
            await socket.connect((address, PORT))
            stream = trio.SSLStream(trio.SocketStream(socket), context, server_hostname=host, https_compatible=True)
            await stream.do_handshake()
        except (OSError, trio.BrokenResourceError):
            socket.close()
            if address == addresses[-1]:
                raise
            continue
        except BaseException:
            socket.close()
            raise
        if is_named(stream.getpeercert() or {}, (host,)):
            return stream
        socket.close()
        raise FetchFault("the certificate is not in that name")
    raise FetchFault("no address")


async def _exchange(stream: trio.SSLStream[trio.SocketStream], host: str, path: str, octets_max: int) -> bytes:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_OCTETS_MAX)
    request = h11.Request(method="GET", target=path, headers=[("Host", host), ("Connection", "close")])
    await stream.send_all(connection.send(request) + connection.send(h11.EndOfMessage()))
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(RECEIVE_OCTETS)))
        elif isinstance(event, h11.Response):
            _check(event)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > octets_max:
                raise FetchFault("too long")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif not isinstance(event, h11.InformationalResponse):
            raise FetchFault("no response")


def _check(response: h11.Response) -> None:
    if response.status_code != 200:
        raise FetchFault(f"status {response.status_code}")
    media = dict(response.headers).get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media != b"text/plain":
        raise FetchFault("not text/plain")
