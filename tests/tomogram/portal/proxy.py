"""A proxy on loopback between the client and a server: it counts bytes, and injects faults."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlparse

Kind = Literal[
    "stall",
    "reset",
    "error",
    "slow down",
    "refused",
    "cut",
    "short",
    "garbled",
    "empty",
    "nonsense",
    "changed",
    "precondition",
    "gone",
]
CODES = (500, 502, 503, 504)
ANSWERS: dict[Kind, tuple[int, str]] = {
    "error": (500, "<html>oops</html>"),
    "slow down": (503, "<Error><Code>SlowDown</Code><Message>Please reduce.</Message></Error>"),
    "refused": (403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"),
    "nonsense": (200, '{"data": null}'),
    "precondition": (412, "<Error><Code>PreconditionFailed</Code><Message>No.</Message></Error>"),
    "gone": (404, ""),
}


def any_request(_method: str, _path: str) -> bool:
    return True


def is_chunk(path: str) -> bool:
    """Whether a path is that of a chunk of a Zarr array."""
    return path.rsplit("/", 1)[-1].isdigit()


@dataclass(frozen=True)
class Fault:
    """What goes wrong, in which requests (by number, from zero) and after which part of a body.

    ``stall`` sends no more; ``reset`` and ``cut`` end the connection, by RST and FIN; ``error``
    and ``slow down`` answer 5xx, ``refused`` 403; ``short`` announces and sends less; ``garbled``
    flips one bit; ``empty`` sends no body, ``nonsense`` another one; ``changed`` (servers without
    If-Match) and ``precondition`` (with it) answer as if another object were there, ``gone`` as if
    none were. `only` says which methods and paths are counted.
    """

    kind: Kind
    first: int = 0
    last: int = 0
    part: float = 0.5
    only: Callable[[str, str], bool] = any_request


@dataclass
class Proxy:
    """A running proxy: what went through it, and what goes wrong in it.

    `sent` counts body bytes by method and path; `on_sent` is called with the total after every
    block of 64 KiB.
    """

    target: str
    port: int
    url: str = ""
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: list[tuple[str, str]] = field(default_factory=list)
    matched: int = 0
    fault: Fault | None = None
    on_sent: Callable[[int], None] | None = None
    stalling: float = 5.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self, fault: Fault | None = None) -> None:
        """Forget what went through, and inject another fault from now on."""
        with self.lock:
            self.sent, self.requests, self.matched = Counter(), [], 0
            self.fault = fault

    def chunk_bytes(self) -> dict[str, int]:
        """Body bytes sent of each chunk."""
        return {
            path: size
            for (method, path), size in self.sent.items()
            if method == "GET" and is_chunk(path)
        }

    def note(self, method: str, path: str) -> Fault | None:
        """Count a request, and return what is to go wrong with it."""
        with self.lock:
            self.requests.append((method, path))
            if self.fault is None or not self.fault.only(method, path):
                return None
            self.matched += 1
            return self.fault if self.fault.first < self.matched <= self.fault.last + 1 else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlparse(self.path).path
        fault = self.server.proxy.note(self.command, path)
        if fault and fault.kind in ANSWERS:
            code, content = ANSWERS[fault.kind]
            if fault.kind == "error":
                code = CODES[self.server.proxy.matched % len(CODES)]
            self.answer(code, {"Content-Type": "text/xml"}, content.encode())
        else:
            self.relay(path, body, fault)

    do_GET = do_HEAD = do_POST = handle_request  # noqa: N815

    def relay(self, path: str, body: bytes, fault: Fault | None) -> None:
        code, headers, content = self.fetched(body)
        if fault is None:
            self.answer(code, headers, content, path)
            return
        place = int(fault.part * len(content))
        if fault.kind == "changed":
            headers["Etag"] = '"00000000000000000000000000000000"'
        elif fault.kind == "garbled" and content:
            place = min(place, len(content) - 1)
            flipped = bytes([content[place] ^ 0x10])
            content = content[:place] + flipped + content[place + 1 :]
        elif fault.kind in ("empty", "short"):
            content = b"" if fault.kind == "empty" else content[:place]
            headers.pop("Content-Length", None)
        elif fault.kind in ("stall", "reset", "cut"):
            headers.setdefault("Content-Length", str(len(content)))
            self.answer(code, headers, content[:place], path)
            self.abort(fault.kind)
            return
        self.answer(code, headers, content, path)

    def fetched(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return the server's answer."""
        proxy = self.server.proxy
        connection = http.client.HTTPConnection(proxy.target, proxy.port)
        with contextlib.closing(connection):
            sent = {key: it for key, it in self.headers.items() if key.lower() != "host"}
            connection.request(self.command, self.path, body or None, sent)
            answer = connection.getresponse()
            content = answer.read()
        dropped = ("date", "server", "connection", "transfer-encoding")
        headers = {key: it for key, it in answer.getheaders() if key.lower() not in dropped}
        if self.command != "HEAD":
            headers.pop("Content-Length", None)
        return answer.status, headers, content

    def answer(
        self, code: int, headers: dict[str, str], content: bytes, path: str | None = None
    ) -> None:
        self.send_response(code)
        for key, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        proxy = self.server.proxy
        for start in range(0, len(content) if self.command != "HEAD" else 0, 1 << 16):
            block = content[start : start + (1 << 16)]
            self.wfile.write(block)
            with proxy.lock:
                proxy.sent[self.command, path or self.path] += len(block)
            if proxy.on_sent:
                proxy.on_sent(proxy.sent.total())

    def abort(self, kind: str) -> None:
        if kind == "stall":
            time.sleep(self.server.proxy.stalling)
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy

    def shutdown_request(self, request: Any) -> None:
        """Close without the FIN that the standard server sends first, so that RST is RST."""
        self.close_request(request)

    def handle_error(self, *_: object) -> None:
        """Clients that are killed or give up close their connections: nothing to report."""


@contextlib.contextmanager
def running(upstream: str) -> Iterator[Proxy]:
    """Start a proxy to the server at `upstream`, an address without a path."""
    target = urlparse(upstream)
    assert target.hostname
    assert target.port
    with Server(("127.0.0.1", 0), Handler) as server:
        server.proxy = Proxy(target.hostname, target.port)
        server.proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.proxy
        finally:
            server.shutdown()
