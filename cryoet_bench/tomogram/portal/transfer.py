"""The folder in which a transfer lies until it is complete; a later run goes on from it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import cache
from cryoet_bench.tomogram.portal import placement
from cryoet_bench.tomogram.portal.bucket import Bucket
from cryoet_bench.tomogram.portal.plan import Plan
from cryoet_bench.tomogram.portal.report import Report

_VOLUME = "volume.npy"


@contextlib.contextmanager
def transfer_dir(name: str, version: str) -> Iterator[Path]:
    """Yield the folder of one version of one transfer, which is removed when the block ends well.

    What other versions have left there is removed. One process at a time has it.

    Raises
    ------
    InputError
        Another process has it, or the cache cannot be written.
    """
    transfers = cache.cache_dir() / "transfers" / name
    with cache.writing(transfers):
        folder = transfers / version
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(transfers, os.O_RDONLY)
        try:
            try:
                # Of the process, so that nothing is left locked by one that was killed.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"another process is fetching into {transfers}: wait until it has ended"
                ) from error
            for other in transfers.iterdir():
                if other != folder:
                    shutil.rmtree(other)
            folder.mkdir(exist_ok=True)
            yield folder
            shutil.rmtree(transfers)
        finally:
            os.close(lock)


def carry_out(plan: Plan, bucket: Bucket, folder: Path, report: Report) -> tuple[Path, str]:
    """Transfer what `folder` does not have yet.

    Returns
    -------
    volume : pathlib.Path
        The finished volume in the folder.
    verified : str
        How its bytes were verified.

    Raises
    ------
    InputError
        The bucket does not deliver, or what it delivers is no part of the volume.
    OSError
        The folder cannot be written.
    """
    pieces = plan.contents.pieces
    verified = [it.verified(folder / it.file) for it in pieces]
    open_ = [it for it, how in zip(pieces, verified, strict=True) if how is None]
    done = plan.contents.size - sum(it.reads * it.size for it in open_)
    if done:
        report.say(f"  {len(pieces) - len(open_)} of {len(pieces)} pieces are there already")
    with report.transfer(plan.contents.size, done) as advance:
        fetched = bucket.download(open_, folder, advance)
    return _assembled(plan, folder), _summary([*filter(None, verified), *fetched])


def _summary(verified: list[str]) -> str:
    """Return how the pieces of a transfer were verified."""
    counts = Counter(verified)
    if len(counts) > 1:
        return ", ".join(f"{how} ({count} of {len(verified)})" for how, count in counts.items())
    return verified[0] if verified else "nothing is stored"


def _assembled(plan: Plan, folder: Path) -> Path:
    """Write the region as one .npy file, a part at a time, so memory holds no more than a part.

    Rows are written rather than mapped: a full disk is an error then, and no signal that kills.
    """
    path = folder / _VOLUME
    shape = placement.size(plan.region)
    dtype = plan.array.grid.dtype.newbyteorder("=")
    with path.open("wb") as file:
        header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for part, voxels in plan.array.parts(folder, plan.region):
            z, y, x = (
                it.start - origin.start for it, origin in zip(part, plan.region, strict=True)
            )
            for k, j in np.ndindex(voxels.shape[:2]):
                row = ((z + k) * shape[1] + y + j) * shape[2] + x
                file.seek(start + row * dtype.itemsize)
                file.write(np.ascontiguousarray(voxels[k, j], dtype=dtype).data)
            del voxels  # before the next part is decoded
        file.truncate(start + dtype.itemsize * int(np.prod(shape)))
    return path
