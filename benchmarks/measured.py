"""What all benchmarks share: the tomogram, how often is measured, how exact values are kept."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cryoet_bench.storage import arrays, conditions, stores
from cryoet_bench.storage.codecs import CODECS
from cryoet_bench.storage.installed import UnavailableError
from cryoet_bench.storage.layouts import LAYOUTS

if TYPE_CHECKING:
    from cryoet_bench.tomogram import Tomogram

Tier = Literal["core", "full"]

TOMOGRAM_VARIABLE = "CRYOET_BENCH_TOMOGRAM"
DEFAULT_TOMOGRAM = "phantom-10A"


def asks[F: Callable[..., Any]](
    pretty_name: str,
    *,
    tier: Tier = "core",
    unit: str | None = None,
    higher_is_better: bool = False,
) -> Callable[[F], F]:
    """Give a benchmark its readable name, tier, unit and direction.

    asv copies these attributes into ``benchmarks.json``; the question is the docstring.
    """

    def mark(function: F) -> F:
        facts = {"pretty_name": pretty_name, "tier": tier, "higher_is_better": higher_is_better}
        vars(function).update(facts if unit is None else facts | {"unit": unit})
        return function

    return mark


@functools.cache
def tomogram() -> Tomogram:
    """Return the tomogram that is measured: the one that ``CRYOET_BENCH_TOMOGRAM`` names."""
    from cryoet_bench.tomogram import cache  # noqa: PLC0415

    return cache.load(os.environ.get(TOMOGRAM_VARIABLE, DEFAULT_TOMOGRAM))


class Timed:
    """How often a time is taken.

    Two rounds of fresh processes, because a process has a level of its own; within each,
    three samples or as many up to ten as fit into 0.3 s. The first, unmeasured run is part of
    each set-up, so asv's own warm-up is off.
    """

    version = "1"
    rounds = 2
    number = 1
    repeat = (3, 10, 0.3)
    min_run_count = 1
    warmup_time = 0
    timeout = 120


class Stored:
    """The tomogram in one named way of storing it, in a folder of its own.

    Raises
    ------
    UnavailableError
        The installed releases cannot store it so.
    """

    def __init__(self, codec: str, layout: str, storage_format: str) -> None:
        arrays.require(storage_format)
        conditions.settle()
        self._how = {
            "codec": CODECS[codec],
            "layout": LAYOUTS[layout],
            "storage_format": storage_format,
        }
        self.volume = tomogram().data
        self.folder = Path(tempfile.mkdtemp(dir=Path.cwd()))

    def write(self) -> None:
        """Create the array and write the whole volume."""
        store = stores.local(self.folder)
        how: Any = self._how
        array = arrays.create(store, self.volume.shape, self.volume.dtype, **how)
        array[...] = self.volume

    def open(self) -> Any:
        """Return the zarr array."""
        return arrays.open_array(stores.local(self.folder))

    def check(self) -> None:
        """Make sure that what is stored is the volume: a wrong copy has no time worth knowing."""
        import numpy as np  # noqa: PLC0415

        if not np.array_equal(self.open()[...], self.volume):
            raise AssertionError("what was read is not what was written")

    def data_bytes(self) -> int:
        """Return the bytes of all chunks; metadata, whose wording is no cost, is left out."""
        return sum(
            file.stat().st_size
            for file in stores.stored_files(self.folder)
            if file.name not in {".zarray", ".zattrs", "zarr.json"}
        )

    def objects(self) -> int:
        """Return the number of stored objects, metadata included."""
        return len(stores.stored_files(self.folder))

    def clear(self) -> None:
        """Remove everything that was written."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()


class WriteCase:
    """What every benchmark of a whole write does around the write."""

    stored: Stored | None = None

    def prepare(self, codec: str, layout: str, storage_format: str) -> None:
        """Leave an empty folder; the first time, write and check once before."""
        if self.stored is None:
            self.stored = Stored(codec, layout, storage_format)
            self.stored.write()
            self.stored.check()
        self.stored.clear()

    def write(self) -> None:
        """Write the whole volume."""
        assert self.stored is not None
        self.stored.write()


class ReadCase:
    """What every benchmark of a read does before the read."""

    array: Any = None

    def prepare(self, codec: str, layout: str, storage_format: str) -> None:
        """Write and check the volume once, and open it."""
        if self.array is None:
            stored = Stored(codec, layout, storage_format)
            stored.write()
            stored.check()
            self.array = stored.open()


@dataclass(frozen=True)
class Outcome:
    """The exact values of one case, or why there are none."""

    values: Mapping[str, float] | None
    reason: str = ""
    available: bool = True

    def __getitem__(self, metric: str) -> float:
        """Return one value of a case that went well."""
        assert self.values is not None
        return self.values[metric]

    def check(self) -> None:
        """Do nothing when there are values.

        Raises
        ------
        NotImplementedError
            The case is not available on this release.
        RuntimeError
            It failed; the message is the traceback of the failure.
        """
        if not self.available:
            raise NotImplementedError(self.reason)
        if self.values is None:
            raise RuntimeError(self.reason)


Outcomes = dict[tuple[str, ...], Outcome]


def outcomes(
    cases: Iterable[tuple[str, ...]], measure: Callable[..., Mapping[str, float]]
) -> Outcomes:
    """Measure every case in this one process, and keep each one's values or failure.

    asv starts a process for every value it tracks; exact values need none of their own, so a
    class measures all of them in ``setup_cache`` and its tracks only look them up.
    """
    found: Outcomes = {}
    for case in cases:
        try:
            found[case] = Outcome(measure(*case))
        except UnavailableError as error:
            found[case] = Outcome(None, str(error), available=False)
        except Exception:  # noqa: BLE001  (raised again by the case's own track)
            found[case] = Outcome(None, traceback.format_exc())
    return found
