"""A package index on loopback, with tiny wheels and upload times (PEP 503, 691 and 700)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import importlib.metadata
import io
import json
import threading
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

CODE = {
    "numpy": """
class Array:
    shape, dtype = (2, 2, 2), "float32"
    reshape = lambda self, *shape: self
    tobytes = lambda self: b"voxels"
    __eq__ = lambda self, other: Array()
    all = lambda self: True
arange = lambda size, dtype: Array()
""",
    "numcodecs": """
class Blosc:
    def __init__(self, codec): pass
    encode = lambda self, data: data
    decode = lambda self, data: data.tobytes()
""",
    "zarr": """
import numpy
class Stored:
    __setitem__ = lambda self, key, value: None
    __getitem__ = lambda self, key: numpy.Array()
open = lambda path, **how: Stored()
""",
}


def wheel(
    name: str, version: str, requires: Sequence[str] = (), code: str | None = None
) -> tuple[str, bytes]:
    """The name and content of a wheel with one module."""
    module = name.replace("-", "_")
    information = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": CODE.get(name, "") if code is None else code,
        f"{information}/METADATA": "".join(
            [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
            + [f"Requires-Dist: {requirement}\n" for requirement in requires]
        ),
        f"{information}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    encoded = {path: text.encode() for path, text in files.items()}
    record = "".join(f"{path},{_digest(data)},{len(data)}\n" for path, data in encoded.items())
    encoded[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    return _pack(module, version, encoded)


def _pack(module: str, version: str, files: Mapping[str, bytes]) -> tuple[str, bytes]:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return f"{module}-{version}-py3-none-any.whl", content.getvalue()


def _digest(data: bytes) -> str:
    raw = hashlib.sha256(data).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Index:
    """What is served, and where."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    tells_times: bool = True

    @property
    def options(self) -> tuple[str, ...]:
        """What makes uv use it."""
        return ("-i", f"{self.url}/simple")

    def upload(
        self,
        name: str,
        version: str,
        time: datetime,
        requires: Sequence[str] = (),
        code: str | None = None,
    ) -> None:
        """Add a release."""
        self._publish(name, *wheel(name, version, requires, code), time)

    def upload_installed(self, name: str, time: datetime) -> str:
        """Add a package of the tests' own interpreter, and return its version."""
        distribution = importlib.metadata.distribution(name)
        files = {
            str(file): file.read_binary()
            for file in distribution.files or ()
            if file.suffix in {".py", ""} and file.name not in {"RECORD", "INSTALLER", "REQUESTED"}
        }
        module = name.replace("-", "_")
        version = distribution.version
        record = f"{module}-{version}.dist-info/RECORD"
        rows = [f"{path},{_digest(data)},{len(data)}\n" for path, data in files.items()]
        files[record] = "".join([*rows, f"{record},,\n"]).encode()
        self._publish(name, *_pack(module, version, files), time)
        return version

    def _publish(self, name: str, file: str, content: bytes, time: datetime) -> None:
        self.files[file] = content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (metadata,) = (path for path in archive.namelist() if path.endswith("/METADATA"))
            self.files[f"{file}.metadata"] = archive.read(metadata)
        entry: dict[str, object] = {
            "filename": file,
            "url": f"{self.url}/files/{file}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content),
            "yanked": False,
            "core-metadata": True,
        }
        if self.tells_times:
            entry["upload-time"] = f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
        self.pages.setdefault(name, []).append(entry)

    def withdraw(self, name: str, version: str, reason: str = "") -> None:
        """Mark a release as one not to be chosen."""
        for entry in self.pages[name]:
            if f"-{version}-" in str(entry["filename"]):
                entry["yanked"] = reason or True

    def save(self, name: str, folder: Path) -> Path:
        """Write a wheel that is served into a folder."""
        path = folder / name
        path.write_bytes(self.files[name])
        return path


@contextlib.contextmanager
def serve() -> Iterator[Index]:
    """Yield an empty index that answers on loopback."""
    index = Index()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = self.path.strip("/").split("/")[1:]
            kind, body = "application/octet-stream", None
            if parts[0] == "files":
                body = index.files.get(parts[1])
            elif len(parts) == 2 and parts[1] in index.pages:
                kind = "application/vnd.pypi.simple.v1+json"
                page = {
                    "meta": {"api-version": "1.1"},
                    "name": parts[1],
                    "versions": [],
                    "files": index.pages[parts[1]],
                }
                body = json.dumps(page).encode()
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # uv's cache goes by addresses, so no two indexes may share one.
        index.url = f"http://127.0.0.1:{server.server_port}/{uuid.uuid4().hex}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
