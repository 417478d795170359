"""Requests to addresses that callers give: no private network is reached by them unless that is allowed."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from graph.errors import InputError

_TIMEOUT = 10.0
_READ = 64 << 10
"""Bytes of an answer that are read; with more, the connection is closed."""


def require_address(url: str, *, private: bool) -> None:
    """Raises InputError for a URL that is none, has a password, is not found, or leads into a private network."""
    parts = _parts(url)
    if not private and parts.scheme != "https":
        raise InputError(f"{url!r:.200} is not https; what is sent over http can be read on the way")
    _addresses(parts, private=private)


class Outbound:
    """A connection to one URL that is kept while it is used. Redirects are not followed."""

    def __init__(self, url: str, *, private: bool) -> None:
        self._parts = _parts(url)
        self._private = private
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Outbound:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer. Raises OSError without one, InputError for an address that is not allowed."""
        kept = self._connection is not None
        try:
            return self._post(body, headers)
        except (http.client.HTTPException, OSError) as error:
            self._close()
            if kept:  # the other side may have ended a connection that was kept
                return self.post(body, headers)
            raise error if isinstance(error, OSError) else OSError(f"no HTTP: {error!r}") from error

    def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        connection = self._connection = self._connection or self._open()
        path = self._parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.request("POST", path, body, {"user-agent": "kgtag", **headers})
        answer = connection.getresponse()
        answer.read(_READ)
        if not answer.isclosed():
            self._close()
        return answer.status

    def _open(self) -> http.client.HTTPConnection:
        """A connection to the very address that was checked: a name may lead elsewhere the next time."""
        host, port = self._parts.hostname or "", self._parts.port or _port(self._parts)
        sock = socket.create_connection(_addresses(self._parts, private=self._private)[0], timeout=_TIMEOUT)
        if self._parts.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port, timeout=_TIMEOUT)
        connection.sock = sock
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(f"{url!r:.200} is not an address; like https://shop.example/hooks/kgtag")
    if parts.username or parts.password:
        raise InputError("the address has a user or a password in it; the signature is what tells who sends")
    return parts


def _port(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


def _addresses(parts: SplitResult, *, private: bool) -> list[tuple[str, int]]:
    """The addresses of a host. Raises InputError when one of them is private, unless that is allowed."""
    host, port = parts.hostname or "", parts.port or _port(parts)
    try:
        found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise InputError(f"the host {host!r} is not found: {error}") from error
    for address in found:
        if not private and not _is_public(address):
            raise InputError(f"{host!r} is {address}, in a private network; KGTAG_WEBHOOK_PRIVATE=true allows it")
    return [(address, port) for address in found]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inner or ip
    return ip.is_global and not ip.is_multicast
