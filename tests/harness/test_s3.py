"""A real S3 server behind the link: what latency costs is what was counted."""

from __future__ import annotations

import contextlib
import http.server
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cryoet_bench.harness import conditions, s3
from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.arrays import Storage

VOLUME = np.random.default_rng(0).normal(size=(64, 64, 64)).astype(np.float32)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    storage = Storage.named("blosc-lz4-5", "cube-32", "v2")
    folder = tmp_path / "tomograms" / "volume"
    arrays.create(stores.local(folder), VOLUME.shape, VOLUME.dtype, storage)[...] = VOLUME
    return tmp_path


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_volume_comes_back_and_latency_shows_as_often_as_counted(bucket: Path) -> None:
    times = {}
    for latency in (0.0, 0.05):
        with s3.served(bucket, s3.Way(latency=latency)) as endpoint:
            array = arrays.open_array(stores.bucket(endpoint.url, "tomograms/volume"))
            np.testing.assert_array_equal(array[...], VOLUME)
            before, start = endpoint.round_trips(), time.perf_counter()
            array[:32]
            times[latency] = time.perf_counter() - start
            trips = endpoint.round_trips() - before
    assert trips >= 4
    # The other way to know the trips: what fifty milliseconds on each have added.
    assert times[0.05] - times[0.0] >= 0.8 * trips * 0.05


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"x" * 100_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


SERVER = """
import sys, http.server
sys.path.insert(0, sys.argv[1])
from tests.harness.test_s3 import _Handler
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
print(f"serving on http://127.0.0.1:{server.server_port}/", file=sys.stderr, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def _linked(latency: float, bandwidth: float, lanes: int) -> Iterator[subprocess.Popen[str]]:
    root = str(Path(__file__).parents[2])
    way = [str(latency), str(bandwidth), str(lanes)]
    command = [sys.executable, "-m", "cryoet_bench.harness.link", *way]
    server = [sys.executable, "-c", SERVER, root]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, *server], text=True, stdin=pipe, stdout=pipe) as process:
        yield process


@pytest.fixture
def link() -> Iterator[subprocess.Popen[str]]:
    with _linked(0.05, 1_000_000, 1) as process:
        yield process


@pytest.mark.parametrize(("lanes", "waits"), [(1, 3), (2, 2), (3, 1)])
def test_lanes_are_the_requests_that_wait_together(lanes: int, waits: int) -> None:
    latency = 0.5
    with _linked(latency, 0, lanes) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/"
        start = time.perf_counter()
        with ThreadPoolExecutor(3) as pool:
            bodies = [body.result() for body in [pool.submit(_body, url) for _ in range(3)]]
        elapsed = time.perf_counter() - start
    assert list(map(len, bodies)) == [100_000] * 3
    assert waits == elapsed // latency


def _body(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        return bytes(answer.read())


def test_a_request_on_a_kept_connection_waits_once(link: subprocess.Popen[str]) -> None:
    import http.client

    assert link.stdin is not None
    assert link.stdout is not None
    connection = http.client.HTTPConnection("127.0.0.1", int(link.stdout.readline()))
    start = time.perf_counter()
    for _ in range(3):
        connection.request("GET", "/")
        assert len(connection.getresponse().read()) == 100_000
    elapsed = time.perf_counter() - start
    connection.close()
    link.stdin.write("\n")
    link.stdin.flush()
    assert int(link.stdout.readline()) == 3
    # 50 ms for each request, and 0.1 s for its 100 kB at 1 MB/s.
    assert elapsed >= 3 * (0.05 + 0.1)


def test_the_server_ends_with_whoever_started_it(bucket: Path) -> None:
    with s3.served(bucket) as endpoint:
        port = int(endpoint.url.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_folders_of_processes_that_are_gone_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "_MEMORY", tmp_path)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"cryoet-bench-{gone.pid}-abc"
    other = tmp_path / "somebody-else"
    for folder in (left, other):
        folder.mkdir()
    made = conditions.new_folder()
    assert made.parent == tmp_path
    assert made.is_dir()
    assert not left.exists()
    assert other.exists()
    conditions.remove_folders()
    assert not made.exists()


def test_settling_takes_one_core_and_one_thread() -> None:
    program = (
        "import os, threading\n"
        "from cryoet_bench.harness import conditions\n"
        "conditions.settle()\n"
        "import zarr; from numcodecs import blosc\n"
        "print(len(os.sched_getaffinity(0)), blosc.get_nthreads(), blosc.use_threads,"
        " zarr.config.get('threading.max_workers'), zarr.config.get('async.concurrency'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1", "False", "1", "10"]


def test_cold_files_are_still_there(tmp_path: Path) -> None:
    (tmp_path / "chunk").write_bytes(b"bytes")
    conditions.drop_from_page_cache(tmp_path)
    assert (tmp_path / "chunk").read_bytes() == b"bytes"
