"""A proxy on loopback between the client and a server: it counts bytes, and injects faults."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
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
    "flips",
    "zeros",
    "swapped",
    "long",
    "padded",
    "gzip",
    "false gzip",
    "chunked",
    "chunked cut",
    "no etag",
    "no length",
    "two lengths",
    "whole for range",
    "shifted range",
    "redirect loop",
    "other region",
    "elsewhere",
    "login page",
    "not modified",
    "no content",
    "bad status",
    "drip",
    "drip of headers",
    "closed",
    "late",
]
CODES = (500, 502, 503, 504)
ANSWERS: dict[Kind, tuple[int, str]] = {
    "error": (500, "<html>oops</html>"),
    "slow down": (503, "<Error><Code>SlowDown</Code><Message>Please reduce.</Message></Error>"),
    "refused": (403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"),
    "nonsense": (200, '{"data": null}'),
    "precondition": (412, "<Error><Code>PreconditionFailed</Code><Message>No.</Message></Error>"),
    "gone": (404, ""),
    "redirect loop": (307, ""),
    "other region": (301, "<Error><Code>PermanentRedirect</Code><Message>No.</Message></Error>"),
    "elsewhere": (307, ""),
    "login page": (200, "<html>Welcome to our wireless network</html>"),
    "not modified": (304, ""),
    "no content": (204, ""),
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
    none were. ``flips``, ``zeros`` and ``swapped`` send other bytes of the right length, ``long``
    and ``padded`` more of them, announced or not; ``whole for range`` and ``shifted range`` other
    ones than were asked for; ``drip`` sends a byte at a time. The others are what they say.
    `only` says which methods and paths are counted.
    """

    kind: Kind
    first: int = 0
    last: int = 0
    part: float = 0.5
    only: Callable[[str, str], bool] = any_request


@dataclass
class Proxy:
    """A running proxy: what went through it, and what goes wrong in it.

    `clients` are the ports of the connections, one a request. `sent` counts body bytes by method
    and path; `on_sent` is called with the total after every block of 64 KiB.
    """

    target: str
    port: int
    url: str = ""
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: list[tuple[str, str]] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)
    matched: int = 0
    fault: Fault | None = None
    on_sent: Callable[[int], None] | None = None
    stalling: float = 5.0
    etag: Callable[[str], str] | None = None
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


def _chunked(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n"


def _flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    for number in range(5 if changed else 0):
        changed[(place + number * len(changed) // 5) % len(changed)] ^= 1 << number
    return bytes(changed)


# What becomes of a body; `place` is where in it.
REWRITTEN: dict[Kind, Callable[[bytes, int], bytes]] = {
    "flips": _flipped,
    "zeros": lambda content, _: bytes(len(content)),
    "swapped": lambda content, place: content[place:] + content[:place],
    "long": lambda content, _: content + b"x" * 100,
    "padded": lambda content, _: content + b"x" * 100,
    "gzip": lambda content, _: gzip.compress(content, 1),
    "false gzip": lambda content, _: content,
    "chunked": lambda content, _: _chunked(content),
    "chunked cut": lambda content, place: _chunked(content)[:place],
    "no etag": lambda content, _: content,
    "no length": lambda content, _: content,
    "two lengths": lambda content, _: content,
}


def disguised(kind: Kind, place: int, headers: dict[str, str], length: int) -> dict[str, str]:
    """The headers of an answer that is to be rewritten."""
    if kind == "no etag":
        return {key: it for key, it in headers.items() if key != "Etag"}
    chunked = {"Transfer-Encoding": "chunked", "Connection": "close"}
    further: dict[Kind, dict[str, str]] = {
        "padded": {"Content-Length": str(length)},
        "gzip": {"Content-Encoding": "gzip"},
        "false gzip": {"Content-Encoding": "gzip"},
        "chunked": chunked,
        "chunked cut": chunked,
        "no length": {"Connection": "close"},
        "two lengths": {"Content-Length": str(length), "content-length": str(place)},
    }
    return headers | further.get(kind, {})


def of_parts(md5: str) -> str:
    """The ETag of an object that was uploaded in one part of a multipart upload."""
    return f"{hashlib.md5(bytes.fromhex(md5), usedforsecurity=False).hexdigest()}-1"


def of_unknown_parts(md5: str) -> str:
    """An ETag of three parts of a size that no client uses: it proves nothing."""
    return f"{md5}-3"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlparse(self.path).path
        self.server.proxy.clients.append(self.client_address[1])
        fault = self.server.proxy.note(self.command, path)
        if fault and fault.kind in ANSWERS:
            code, content = ANSWERS[fault.kind]
            headers = {"Content-Type": "text/xml"}
            if fault.kind == "error":
                code = CODES[self.server.proxy.matched % len(CODES)]
            elif fault.kind == "redirect loop":
                headers["Location"] = self.server.proxy.url + self.path
            elif fault.kind == "elsewhere":
                headers["Location"] = f"{self.server.proxy.url}/elsewhere"
            elif fault.kind == "other region":
                headers["x-amz-bucket-region"] = "eu-west-1"
            self.answer(code, headers, content.encode())
        elif fault and fault.kind in ("bad status", "closed", "drip of headers"):
            if fault.kind == "bad status":
                self.wfile.write(b"no HTTP at all\r\n\r\n")
            elif fault.kind == "drip of headers":
                self.drip(b"HTTP/1.1 200 OK\r\nX-Patience: " + b"." * 10_000)
            self.close_connection = True
        else:
            self.relay(path, body, fault)

    do_GET = do_HEAD = do_POST = handle_request  # noqa: N815

    def relay(self, path: str, body: bytes, fault: Fault | None) -> None:
        code, headers, content = self.fetched(body, fault.kind if fault else None)
        if fault is None:
            self.answer(code, headers, content, path)
            return
        place = int(fault.part * len(content))
        if fault.kind == "late":
            time.sleep(self.server.proxy.stalling)
        elif fault.kind == "drip":
            self.begin(code, {"Content-Length": str(len(content))} | headers)
            self.drip(content)
            self.close_connection = True
            return
        elif fault.kind in REWRITTEN and self.command != "HEAD":
            headers = disguised(fault.kind, place, headers, len(content))
            content = REWRITTEN[fault.kind](content, place)
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

    def drip(self, content: bytes) -> None:
        """Send a byte now and then, until the client has had enough."""
        end = time.monotonic() + 8 * self.server.proxy.stalling
        for byte in content:
            if time.monotonic() > end:
                return
            self.wfile.write(bytes([byte]))
            time.sleep(self.server.proxy.stalling / 40)

    def fetched(self, body: bytes, kind: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """Return the server's answer."""
        proxy = self.server.proxy
        connection = http.client.HTTPConnection(proxy.target, proxy.port)
        with contextlib.closing(connection):
            dropped = {"host"}
            if proxy.etag:
                dropped.add("if-match")
            if kind == "whole for range":
                dropped.add("range")
            sent = {key: it for key, it in self.headers.items() if key.lower() not in dropped}
            if kind == "shifted range" and "Range" in sent:
                first, last = map(int, sent["Range"].removeprefix("bytes=").split("-"))
                sent["Range"] = f"bytes={first - 1 if first else 1}-{last - 1 if first else last}"
            connection.request(self.command, self.path, body or None, sent)
            answer = connection.getresponse()
            content = answer.read()
        dropped = {"date", "server", "connection", "transfer-encoding"}
        headers = {key: it for key, it in answer.getheaders() if key.lower() not in dropped}
        if proxy.etag and "Etag" in headers:
            headers["Etag"] = f'"{proxy.etag(headers["Etag"].strip(chr(34)))}"'
        if self.command != "HEAD":
            headers.pop("Content-Length", None)
        return answer.status, headers, content

    def answer(
        self, code: int, headers: dict[str, str], content: bytes, path: str | None = None
    ) -> None:
        if "Transfer-Encoding" not in headers and "Connection" not in headers:
            headers = {"Content-Length": str(len(content))} | headers
        self.begin(code, headers)
        proxy = self.server.proxy
        for start in range(0, len(content) if self.command != "HEAD" else 0, 1 << 16):
            block = content[start : start + (1 << 16)]
            self.wfile.write(block)
            with proxy.lock:
                proxy.sent[self.command, path or self.path] += len(block)
            if proxy.on_sent:
                proxy.on_sent(proxy.sent.total())

    def begin(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

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
