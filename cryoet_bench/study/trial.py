"""What is measured of a configuration, in a process: ``python -m cryoet_bench.study.trial``.

It reads requests, a line of JSON each, and prints an answer for each. Times need a fresh process,
so whoever asks for times asks once; exact values do not, so one process may answer for many.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import mmap
import os
import platform
import re
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.harness import conditions, counting, s3
from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.access import READS, Selection
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.installed import UnavailableError
from cryoet_bench.storage.lossy import Lossy
from cryoet_bench.study.configuration import Configuration
from cryoet_bench.study.families import FAMILIES, Family, Foreign, Statistics, register
from cryoet_bench.study.promise import Promise

Array = npt.NDArray[Any]
Action = Callable[[], object]

ACCESS = {
    "xy-slices": "slice-xy",
    "xz-slices": "slice-xz",
    "yz-slices": "slice-yz",
    "orthoslices": "orthoslices",
    "slabs": "slices-10",
    "subtomograms": "boxes-64",
    "patches": "patches-96",
}
"""What a study calls the patterns of `READS`."""

TOLD_TO_END = 128 + signal.SIGTERM
"""Exit code of a process that was asked to end, as shells have it."""

_WHOLE = "read"
"""A read of all voxels, alongside them."""

_SAMPLES = (3, 9, 0.06)  # at least, at most, and for how many seconds
_WHOLE_SAMPLES = (2, 4, 0.12)  # the same of whole volumes
STEPS = {"int16": 32767, "int8": 127, "uint16": 65535}
"""Steps on either side of the middle of the range; of an unsigned type, from its lower end."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A volume and the way in which a configuration stores it.

    Parameters
    ----------
    volume : numpy.ndarray
        What is stored.
    configuration : Configuration
        How.
    lossy : Lossy
        Codec, and scaling of the values.
    family : Family
        Of the codec.
    statistics : Statistics
        Of the volume.
    """

    volume: Array
    configuration: Configuration
    lossy: Lossy
    family: Family
    statistics: Statistics

    @classmethod
    def of(cls, volume: Array, configuration: Configuration, foreign: Foreign | None) -> Stored:
        """Return how a configuration stores a volume."""
        family = foreign.family if foreign else FAMILIES[configuration.codec]
        seen = volume[np.isfinite(volume)] if volume.dtype.kind == "f" else volume
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
        sd = float(seen.std(dtype=np.float64)) if seen.size else 0.0
        known = Statistics(sd, low, high, volume.dtype.str)
        codec = family.make(configuration, known)
        return cls(
            volume=volume,
            configuration=configuration,
            lossy=_scaling(configuration, known, codec, family),
            family=family,
            statistics=known,
        )

    @property
    def promise(self) -> Promise:
        """What is promised of the values that a reader gets."""
        promise = self.family.promise(self.configuration, self.statistics)
        kept, voxel, factor = (
            self.configuration.kept_bits,
            self.configuration.voxel,
            self.lossy.factor,
        )
        if kept is not None:
            # Rounding to nearest is off by half of the last kept bit (numcodecs.BitRound).
            promise &= Promise(relative=2.0 ** -(kept + 1))
        if voxel == "float16":
            promise &= Promise(relative=2.0**-11, absolute=2.0**-25 / factor)
        elif voxel != "same":
            # Half a step, and the arithmetic of float32 on the way there and back.
            promise &= Promise(absolute=(0.5 + STEPS[voxel] * 2.0**-21) / factor)
        return promise

    @property
    def _is_scaled(self) -> bool:
        return self.configuration.voxel != "same" or self.lossy.factor != 1

    def encoded(self) -> Array:
        """Return the values that zarr is given."""
        values = self.volume
        if self.configuration.kept_bits is not None:
            import numcodecs  # noqa: PLC0415

            rounded = numcodecs.BitRound(keepbits=self.configuration.kept_bits).encode(values)
            values = np.asarray(rounded).view(values.dtype).reshape(values.shape)
        if not self._is_scaled:
            return values
        # Half precision has no room for the arithmetic.
        return self.lossy.encode(np.asarray(values, np.result_type(values, np.float32)))

    def decoded(self, values: Array) -> Array:
        """Return the values that a reader gets."""
        if not self._is_scaled:
            return values
        return self.lossy.decode(values).astype(self.volume.dtype)

    def write(self, store: Any) -> Any:
        """Write the volume into an empty store and return the array."""
        values = self.encoded()
        storage = Storage(
            codec=self.lossy.codec,
            layout=self.configuration.layout,
            zarr_format=self.configuration.zarr_format,
        )
        z, y, x = values.shape
        array = arrays.create(store, (z, y, x), values.dtype, storage)
        array[...] = values
        return array


def _scaling(configuration: Configuration, known: Statistics, codec: Any, family: Family) -> Lossy:
    voxel = configuration.voxel
    if voxel == "same":
        return Lossy(codec, known.dtype, family.factor(configuration, known))
    if voxel == "float16":
        # A power of two changes no mantissa, and keeps values near 1e-6 out of the subnormals.
        return Lossy(codec, voxel, 2.0 ** -np.floor(np.log2(known.sd or 1.0)))
    if voxel == "uint16":
        return Lossy(codec, voxel, STEPS[voxel] / ((known.high - known.low) or 1.0), known.low)
    middle, half = (known.low + known.high) / 2, (known.high - known.low) / 2 or 1.0
    return Lossy(codec, voxel, STEPS[voxel] / half, middle)


def exact(request: Mapping[str, Any], stored: Stored) -> dict[str, Any]:
    """Return what has no noise: bytes, objects, requests, memory; leave what was read as a file."""
    conditions.settle()
    counted = _counted(request["access"], stored)
    sizes, count, copy = _in_files(stored)
    try:
        np.save(request["copy"], copy)
    except OSError as error:  # numpy does not say which
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
    return {
        "values": {
            "stored_bytes": sum(sizes),
            "objects": count,
            "ratio": stored.volume.nbytes / sum(sizes),
            # Twice this is about what another part of the volume may differ by.
            "object_spread": float(np.std(sizes) / np.mean(sizes)),
            **counted,
        },
        "promise": asdict(stored.promise),
    }


def _counted(patterns: Sequence[str], stored: Stored) -> dict[str, float]:
    """Return requests and bytes of each access, and the memory that writing and reading take."""
    requests = counting.Requests()
    store = counting.counting_store(requests)
    with conditions.one_request_at_a_time():
        stored.write(store)
        write_peak = _peak(lambda: stored.write(counting.counting_store(counting.Requests())))
        array = arrays.open_array(store)
        values: dict[str, float] = {}
        for access in (_WHOLE, *patterns):
            selections = _selections(access, stored.volume.shape)
            requests.clear()
            for selection in selections:
                array[selection]
            column = access.replace("-", "_")
            values[f"{column}_requests"] = sum(requests.kinds.values()) / len(selections)
            values[f"{column}_fetched_bytes"] = requests.fetched / len(selections)
        read_peak = _peak(lambda: array[...])
    return {**values, "write_peak_bytes": write_peak, "read_peak_bytes": read_peak}


def _in_files(stored: Stored) -> tuple[list[int], int, Array]:
    """Store a volume in files; return their sizes, their number with metadata, and what is read."""
    folder = conditions.new_folder()
    try:
        stored.write(stores.local(folder))
        files = stores.stored_files(folder)
        sizes = [file.stat().st_size for file in files if file.name not in stores.METADATA]
        copy = stored.decoded(np.asarray(arrays.open_array(stores.local(folder))[...]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return sizes, len(files), copy


def _peak(action: Action) -> int:
    """Return the median of three: now and then a garbage collection comes in between."""
    return sorted(counting.traced_peak(action) for _ in range(3))[1]


def timed(request: Mapping[str, Any], stored: Stored) -> dict[str, Any]:
    """Return the samples of every time, in seconds, by measure."""
    conditions.settle()
    gc.disable()
    samples = {f"control_{name}_s": _samples(work, _SAMPLES) for name, work in _controls().items()}
    with _stores(request["store"]) as place:
        folders = iter(range(1000))

        def write() -> Any:
            store = place(str(next(folders)))
            stored.write(store)
            return store

        store = write()
        samples["write_s"] = _samples(write, _WHOLE_SAMPLES)
        array = arrays.open_array(store)
        for access in (_WHOLE, *request["access"]):
            selections = _selections(access, stored.volume.shape)

            def read(selections: list[Selection] = selections) -> None:
                for selection in selections:
                    stored.decoded(array[selection])

            read()
            taken = _samples(read, _WHOLE_SAMPLES if access == _WHOLE else _SAMPLES)
            column = f"{access.replace('-', '_')}_s"
            samples[column] = [seconds / len(selections) for seconds in taken]
    return {"samples": samples}


def _selections(access: str, shape: tuple[int, ...]) -> list[Selection]:
    z, y, x = shape
    return READS["whole" if access == _WHOLE else ACCESS[access]]((z, y, x))


def _samples(action: Action, how: tuple[int, int, float]) -> list[float]:
    least, most, budget = how
    samples: list[float] = []
    while len(samples) < least or (len(samples) < most and sum(samples) < budget):
        start = time.perf_counter()
        action()
        samples.append(time.perf_counter() - start)
    return samples


def _controls() -> dict[str, Action]:
    """Return work that no configuration can change: if it is slow, suspect the machine."""
    text = np.random.default_rng(1).integers(0, 64, 1 << 16, np.uint8).tobytes()
    source, target = (memoryview(mmap.mmap(-1, 1 << 16)) for _ in range(2))
    source[:] = target[:] = bytes(len(source))

    def copy() -> None:
        for _ in range(256):
            target[:] = source

    return {"compress": lambda: zlib.compress(text, 6), "copy": copy}


def latency_of(store: str) -> float | None:
    """Return the seconds that a request to a store waits, 0.02 for ``s3:20ms``; None for ``local``.

    Raises
    ------
    InputError
        There is no such store.
    """
    if store == "local":
        return None
    found = re.fullmatch(r"s3:(\d{1,3}(?:\.\d+)?)ms", store)
    if not found:
        raise InputError(f"there is no store {store!r}: write local, or s3:20ms (0 to 999)")
    return float(found[1]) / 1000


@contextlib.contextmanager
def _stores(where: str) -> Iterator[Callable[[str], Any]]:
    """Yield a function that returns a new empty store of a name."""
    folder = conditions.new_folder()
    try:
        latency = latency_of(where)
        if latency is None:
            yield lambda name: stores.local(folder / name)
            return
        (folder / "bucket").mkdir()
        with s3.served(folder, s3.Way(latency=latency, lanes=1000)) as endpoint:
            yield lambda name: stores.bucket(endpoint.url, f"bucket/{name}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_KINDS = {"exact": exact, "timed": timed}
_FULL = {errno.ENOSPC, errno.EDQUOT}  # no fault of a codec's


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request asks for, or why there is none."""
    try:
        volume = np.load(request["volume"])
    except (OSError, EOFError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        return _stopped(
            f"{request['volume']} cannot be read on {platform.node()} ({why}): let every worker "
            "see the folder of the study as it is"
        )
    try:
        foreign = Foreign(**request["foreign"]) if request["foreign"] else None
        if foreign and foreign.module:
            register(foreign.module)
        stored = Stored.of(volume, Configuration.of(request["configuration"]), foreign)
        return {"status": "passed", **_KINDS[request["kind"]](request, stored)}
    except UnavailableError as error:
        return {"status": "n/a", "reason": str(error)}
    except OSError as error:
        if error.errno not in _FULL:
            return _failed(error)
        return _stopped("the disk, or memory for files, is full: free some space")
    except Exception as error:  # noqa: BLE001  (a codec may raise anything, and it is reported)
        return _failed(error)


def _stopped(reason: str) -> dict[str, Any]:
    """Return the answer where no codec is to blame."""
    return {"status": "stopped", "reason": reason}


def _failed(error: Exception) -> dict[str, Any]:
    what = " ".join(str(error).split())[:300]
    return {"status": "failed", "reason": f"{type(error).__name__}: {what}"}


def main() -> None:
    """Answer requests until there are no more, or until the process is told to end."""
    # As an exception, so that folders and servers go with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TOLD_TO_END))
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a codec's library prints is no answer
        for line in sys.stdin:
            answers.write(json.dumps(answer(json.loads(line))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
