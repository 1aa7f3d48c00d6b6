"""Lossy storage in 64-cubes of format 2: what it saves, what it costs, what it loses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import Stored, tomogram
from benchmarks.question import Timed, asks
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.layouts import LAYOUTS
from cryoet_bench.storage.lossy import LOSSY, Lossy

_LAYOUT = LAYOUTS["cube-64"]


class _Case:
    def __init__(self, name: str) -> None:
        self.volume: Any = tomogram().data.astype("float32")
        self.lossy: Lossy = LOSSY[name](self.volume, _LAYOUT.chunks)
        storage = Storage(codec=self.lossy.codec, layout=_LAYOUT, zarr_format=2)
        storage.require()
        self.stored = Stored(storage, self.lossy.encode(self.volume))

    def write(self) -> None:
        self.stored.volume = self.lossy.encode(self.volume)
        self.stored.write()

    def read(self) -> Any:
        return self.lossy.decode(self.stored.open()[...])


def _measure(name: str) -> Values:
    from cryoet_bench.quality.metrics.loss import measure_loss  # noqa: PLC0415

    case = _Case(name)
    case.write()
    loss = asdict(measure_loss(case.volume, case.read()))
    return {"bytes_per_voxel": case.stored.data_bytes() / case.volume.size} | loss


class Fidelity(Exact):
    """Stored size and error of each lossy case; floats are compared as float32."""

    cases = {"codec": LOSSY}
    measure = staticmethod(_measure)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Stored size per voxel, lossy", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy after lossy compression?

        The codec's version, rounding in filters.
        """
        return self.outcome["bytes_per_voxel"]

    @asks("Largest error, lossy", unit="density")
    def track_max_error(self, *_case: object) -> float:
        """How large is the error of the worst voxel?

        The codec's version, rounding in filters.
        """
        return self.outcome["max_error"]

    @asks("RMS error, lossy", unit="SD")
    def track_nrmse(self, *_case: object) -> float:
        """How large is the error, in standard deviations of the tomogram?

        The codec's version, rounding in filters.
        """
        return self.outcome["nrmse"]

    @asks("Loss of Fourier shell correlation, lossy", unit="1 - FSC")
    def track_fsc_loss(self, *_case: object) -> float:
        """How much of the signal is lost at the worst resolution that carries any?

        The codec's version, rounding in filters.
        """
        return self.outcome["fsc_loss"]


class _Prepared(Timed):
    """A lossy case, written once."""

    cases = {"codec": LOSSY}

    case: _Case | None = None

    def setup(self, codec: str) -> None:
        if self.case is None:
            self.case = _Case(codec)
            self.case.write()
            self.case.read()


class Write(_Prepared):
    """Whole-volume writes with each lossy case, scaling included."""

    def setup(self, codec: str) -> None:
        super().setup(codec)
        assert self.case is not None
        self.case.stored.clear()

    @asks("Write a volume, lossy")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a volume with lossy compression?

        The codec and its filters.
        """
        assert self.case is not None
        self.case.write()


class Read(_Prepared):
    """Whole-volume reads with each lossy case, scaling included."""

    @asks("Read a volume, lossy")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a volume back after lossy compression?

        The codec and its filters.
        """
        assert self.case is not None
        self.case.read()
