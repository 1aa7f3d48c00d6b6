"""Faults injected at seeded points of a fetch, and whether its end is one that a user can trust.

A fetch of eight chunks goes through proxies before the catalogue and the bucket. It must end with
the true voxels, or with one sentence; after a failure the cache must hold nothing, and the same
fetch without the fault must give the true voxels.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from rich.console import Console

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import Tomogram, cache
from cryoet_bench.tomogram.portal import Report, fetch
from cryoet_bench.tomogram.portal.patience import Patience
from cryoet_bench.tomogram.portal.placement import chunk_indices
from cryoet_bench.tomogram.portal.request import Request, parse
from tests.tomogram.portal import proxy, server, volumes
from tests.tomogram.portal.bucket_server import BUCKET
from tests.tomogram.portal.proxy import Fault, Kind, Proxy
from tests.tomogram.portal.volumes import Stored, Volume

STORED = Stored(
    id=17002,
    dataset=10445,
    run="TS_100_3",
    spacing=4.99,
    processing="filtered",
    shape=(92, 157, 157),
    chunk=64,
    mrc=True,
)
REGION = (slice(40, 90), slice(30, 80), slice(100, 150))
REQUEST = parse("portal:10445/TS_100_3/region=40:90,30:80,100:150")
HASTE = Patience(timeout=0.4, attempts=3, wait=0.01, window=0.4, answer=1.5)
CALM = Patience()
CATALOGUE_REQUESTS = 3

# What is there to prove the bytes: MD5s, multipart ETags of known and of unknown parts, or, for
# spans of the MRC twin, nothing. Each with the requests of a fetch without faults, which the test
# of this module holds.
Form = Literal["md5", "multipart", "unknown parts", "mrc"]
BUCKET_REQUESTS: dict[Form, int] = {"md5": 28, "multipart": 28, "unknown parts": 48, "mrc": 9}
ETAGS: dict[Form, Callable[[str], str]] = {
    "multipart": proxy.of_parts,
    "unknown parts": proxy.of_unknown_parts,
}
# Other bytes, or other ones than were asked for: faults of a bucket's answers.
_CONTENT = {
    "garbled", "flips", "zeros", "swapped", "changed", "precondition", "gone", "no etag",
    "elsewhere", "login page", "other region", "whole for range", "shifted range",
}  # fmt: skip

Scenario = (
    Kind
    | Literal["missing", "replaced", "no network", "bucket down", "catalogue down", "disk full"]
)
SCENARIOS: tuple[Scenario, ...] = (
    *get_args(Kind),
    "missing",
    "replaced",
    "no network",
    "bucket down",
    "catalogue down",
    "disk full",
)
Outcome = Literal["voxels", "sentence"]


class WrongEndError(AssertionError):
    """A fetch ended in neither of the two ways."""


@dataclass
class Stage:
    """The stand-in with proxies before both parts, and the environment that leads there."""

    root: Path
    catalogue: Proxy
    bucket: Proxy
    truth: Volume

    def clear(self) -> None:
        """Take away all faults, and what was written."""
        self.catalogue.reset()
        self.bucket.reset()
        self.bucket.on_sent = None
        self.bucket.etag = None


@contextlib.contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """Make the stand-in in the folder `root` and set the environment to it."""
    STORED.write(root)
    tables = volumes.tables([STORED])
    with (
        server.serving(root, tables) as portal,
        proxy.running(portal.graphql.removesuffix("/graphql")) as catalogue,
        proxy.running(portal.s3) as bucket,
    ):
        os.environ["CRYOET_BENCH_PORTAL_URL"] = f"{catalogue.url}/graphql"
        os.environ["AWS_ENDPOINT_URL"] = bucket.url
        catalogue.stalling = bucket.stalling = 2 * HASTE.timeout
        yield Stage(root, catalogue, bucket, STORED.voxels()[REGION])


def request(form: Form) -> Request:
    """The same voxels, of the OME-Zarr or of its MRC twin."""
    return REQUEST.model_copy(update={"source": "mrc"}) if form == "mrc" else REQUEST


def outcome(scenario: Scenario, seed: int, on: Stage, folder: Path, form: Form = "md5") -> Outcome:
    """Run one fetch with a fault at the point that the seed chooses.

    Raises
    ------
    WrongEndError
        Wrong voxels, another exception than a sentence, or something half-written.
    InputError
        The fetch does not succeed without the fault either.
    """
    rng = np.random.default_rng([seed, SCENARIOS.index(scenario)])
    on.clear()
    on.bucket.etag = ETAGS.get(form)
    with _injected(scenario, rng, on, folder, form) as truths:
        end = _end(truths, form)
    on.clear()
    on.bucket.etag = ETAGS.get(form)
    if end == "sentence":
        if cache.entries():
            raise WrongEndError("a failed fetch left something in the cache")
        if scenario != "replaced":
            _check(fetch(request(form), Report(Console(quiet=True)), CALM), [on.truth])
    return end


def _end(truths: list[Volume], form: Form) -> Outcome:
    try:
        tomogram = fetch(request(form), Report(Console(quiet=True)), HASTE)
    except InputError as error:
        if not str(error) or "Traceback" in str(error):
            raise WrongEndError(f"no sentence: {error}") from error
        return "sentence"
    except BaseException as error:
        raise WrongEndError(f"neither voxels nor a sentence: {error!r}") from error
    _check(tomogram, truths)
    return "voxels"


def _check(tomogram: Tomogram, truths: list[Volume]) -> None:
    if not any(np.array_equal(tomogram.data, it) for it in truths):
        raise WrongEndError("wrong voxels")


@contextlib.contextmanager
def _injected(
    scenario: Scenario, rng: np.random.Generator, on: Stage, folder: Path, form: Form
) -> Iterator[list[Volume]]:
    """Inject a fault and yield the voxels that are true then."""
    truths = [on.truth]
    os.environ["CRYOET_BENCH_CACHE"] = str(folder)
    with contextlib.ExitStack() as after:
        match scenario:
            case "missing":
                truths = [_missing(rng, on)]
            case "replaced":
                truths.append(after.enter_context(_replaced(rng, on)))
            case "no network" | "bucket down" | "catalogue down":
                _down(scenario, rng, on)
            case "disk full":
                after.enter_context(_small_disk(rng, folder))
            case _:
                _faulty(scenario, rng, on, form)
        yield truths


def _faulty(kind: Kind, rng: np.random.Generator, on: Stage, form: Form) -> None:
    """One request fails, or two, or all from one on."""
    # Plain JSON on loopback has no checksum; over the network TLS guards it.
    in_bucket = kind in _CONTENT or form != "md5" or rng.random() < 0.8
    first = int(rng.integers(BUCKET_REQUESTS[form] if in_bucket else CATALOGUE_REQUESTS))
    if form != "md5":
        first %= 4
    last = first + int(rng.choice([0, 1, 1000]))
    if kind == "zeros" and form == "mrc":
        # A server that sends the same wrong bytes whatever it is asked is not found out.
        last = min(last, first + 1)
    fault = Fault(kind, first, last, float(rng.random()))
    if kind in ("gone", "precondition"):
        # What is not there when it is planned is the scenario "missing".
        fault = replace(fault, first=first % 10, only=lambda method, _path: method == "GET")
    elif form != "md5":
        # Where the bytes are.
        fault = replace(fault, only=_reads_voxels)
    (on.bucket if in_bucket else on.catalogue).reset(fault)


def _reads_voxels(method: str, path: str) -> bool:
    return method == "GET" and (proxy.is_chunk(path) or path.endswith(".mrc"))


def _missing(rng: np.random.Generator, on: Stage) -> Volume:
    truth = on.truth.copy()
    gone = [it for it in np.ndindex(2, 2, 2) if rng.random() < 0.4]
    for index in gone:
        corner = [number * STORED.chunk for number in np.add(index, (0, 0, 1))]
        part = tuple(
            slice(max(c - it.start, 0), max(c + STORED.chunk - it.start, 0))
            for c, it in zip(corner, REGION, strict=True)
        )
        truth[part] = 0
    ends = tuple(f"/0/{z}/{y}/{x + 1}" for z, y, x in gone)
    on.bucket.reset(
        Fault("gone", 0, 10**6, only=lambda _, path: bool(ends) and path.endswith(ends))
    )
    return truth


@contextlib.contextmanager
def _replaced(rng: np.random.Generator, on: Stage) -> Iterator[Volume]:
    """A chunk is replaced at the server after a number of bytes; yields the new truth."""
    array = on.root / BUCKET / STORED.folder / f"{STORED.run}.zarr" / "0"
    index = tuple(int(it) for it in rng.integers(2, size=3))
    path = array / f"{index[0]}/{index[1]}/{index[2] + 1}"
    old, new = path.read_bytes(), (array / "0/2/2").read_bytes()
    moment = int(rng.integers(8 * len(old)))
    truth = STORED.voxels()
    corner = [number * STORED.chunk for number in (index[0], index[1], index[2] + 1)]
    z, y, x = (slice(c, c + STORED.chunk) for c in corner)
    place = truth[z, y, x]
    # At the volume's edges only the part of the other chunk that lies inside is seen.
    other = Stored.chunk_voxels(STORED, (0, 2, 2)).copy()
    other[:, 157 - 128 :, :] = 0
    other[:, :, 157 - 128 :] = 0
    place[...] = other[: place.shape[0], : place.shape[1], : place.shape[2]]

    # A proxy's thread may still be about to swap when the fetch has ended.
    swapping = threading.Lock()
    over = False

    def swap(sent: int) -> None:
        with swapping:
            if not over and sent >= moment and path.read_bytes() != new:
                fresh = path.with_name("fresh")
                fresh.write_bytes(new)
                fresh.rename(path)

    on.bucket.on_sent = swap
    try:
        yield truth[REGION]
    finally:
        with swapping:
            over = True
            on.bucket.on_sent = None
            path.write_bytes(old)


def _down(scenario: Scenario, rng: np.random.Generator, on: Stage) -> None:
    """From one request on, connections are closed at once."""
    if scenario != "bucket down":
        first = int(rng.integers(CATALOGUE_REQUESTS)) if scenario == "catalogue down" else 0
        on.catalogue.reset(Fault("reset", first, 10**6, 0.0))
    if scenario != "catalogue down":
        on.bucket.reset(Fault("reset", int(rng.integers(BUCKET_REQUESTS["md5"])), 10**6, 0.0))


@contextlib.contextmanager
def _small_disk(rng: np.random.Generator, folder: Path) -> Iterator[None]:
    """The cache lies on a disk that is too small, or just not."""
    small = folder / "small"
    small.mkdir(parents=True, exist_ok=True)
    size = int(rng.integers(20_000, 7_000_000))
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", small],
        check=True,
        capture_output=True,
    )
    os.environ["CRYOET_BENCH_CACHE"] = str(small)
    try:
        yield
    finally:
        os.environ["CRYOET_BENCH_CACHE"] = str(folder)
        subprocess.run(["umount", "-l", small], check=True)


def killed_and_resumed(on: Stage, kill_at: int, folder: Path) -> dict[str, int]:
    """Kill a fetch once so many bytes were sent, fetch again, and return the bytes of each chunk.

    Raises
    ------
    WrongEndError
        The second fetch does not give the true voxels.
    InputError
        It does not succeed.
    """
    on.clear()
    os.environ["CRYOET_BENCH_CACHE"] = str(folder)
    command = [sys.executable, "-m", "tests.tomogram.portal.fault_run"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:

        def kill(sent: int) -> None:
            if sent >= kill_at:
                process.kill()

        on.bucket.on_sent = kill
    on.bucket.on_sent = None
    if process.returncode != -signal.SIGKILL:
        raise WrongEndError(f"it was not killed but ended with {process.returncode}")
    _check(fetch(REQUEST, Report(Console(quiet=True)), CALM), [on.truth])
    return on.bucket.chunk_bytes()


def chunk_sizes(on: Stage) -> dict[str, int]:
    """The stored size of every chunk of the region, by its path on the server."""
    array = on.root / BUCKET / STORED.folder / f"{STORED.run}.zarr" / "0"
    files = (array.joinpath(*map(str, it)) for it in chunk_indices(REGION, (STORED.chunk,) * 3))
    return {f"/{it.relative_to(on.root)}": it.stat().st_size for it in files}


if __name__ == "__main__":
    fetch(REQUEST, Report(), CALM)
