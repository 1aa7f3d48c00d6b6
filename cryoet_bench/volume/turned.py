"""A Zarr array of any axes, seen along z, y, x."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.volume.reading import read_errors, reason

if TYPE_CHECKING:
    import zarr


class Turned:
    """A Zarr array seen along z, y, x: others of its axes, of length one, are left out.

    Parameters
    ----------
    array : zarr.Array
        Of three axes or more.
    order : sequence of int
        Which of its axes is z, which y, which x.
    where : str
        What to call it in messages.
    """

    def __init__(self, array: zarr.Array[Any], order: Sequence[int], where: str) -> None:
        self._array, self._order, self._where = array, tuple(order), where
        self._others = tuple(axis for axis in range(array.ndim) if axis not in self._order)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self.shape = self._along(array.shape)
        self.chunks = self._along(array.chunks)
        self.shards = self._along(array.shards) if array.shards else None

    def _along(self, lengths: Sequence[int]) -> tuple[int, int, int]:
        z, y, x = (int(lengths[axis]) for axis in self._order)
        return z, y, x

    def __getitem__(self, box: Any, /) -> npt.NDArray[Any]:
        """Return the voxels of a box; integers drop their axis, as in numpy.

        Raises
        ------
        InputError
            A chunk is damaged; the message says which.
        """
        places = ((box if isinstance(box, tuple) else (box,)) + (slice(None),) * 3)[:3]
        spans = []
        for place, extent in zip(places, self.shape, strict=True):
            index = place if isinstance(place, slice) else range(extent)[place]
            spans.append(index if isinstance(index, slice) else slice(index, index + 1))
        try:
            voxels = self._read(spans)
        except read_errors() as error:
            at = self._damaged(spans)
            chunk = f"its chunk at grid position {at} is damaged: " if at else ""
            raise InputError(
                f"{self._where} cannot be read as Zarr: {chunk}{reason(error)}"
            ) from error
        return voxels.squeeze(
            tuple(axis for axis in range(3) if not isinstance(places[axis], slice))
        )

    def _read(self, spans: Sequence[slice]) -> npt.NDArray[Any]:
        stored = [slice(0, 1)] * self._array.ndim
        for axis, span in zip(self._order, spans, strict=True):
            stored[axis] = span
        voxels = np.asarray(self._array[tuple(stored)]).transpose(self._order + self._others)
        return voxels.reshape(voxels.shape[:3])

    def _damaged(self, spans: Sequence[slice]) -> tuple[int, ...] | None:
        """Return the grid position of the first chunk of a box that cannot be read."""
        grids = [
            range(span.indices(n)[0] // step, -(-span.indices(n)[1] // step))
            for span, n, step in zip(spans, self.shape, self.chunks, strict=True)
        ]
        for place in itertools.product(*grids):
            voxel = [
                slice(at * step, at * step + 1) for at, step in zip(place, self.chunks, strict=True)
            ]
            try:
                self._read(voxel)
            except read_errors():
                return place
        return None
