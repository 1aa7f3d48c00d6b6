"""The MRC twin of a tomogram: planes one after the other, so a range of bytes is a range of z."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mrcfile.dtypes import HEADER_DTYPE
from mrcfile.utils import byte_order_from_machine_stamp, data_dtype_from_header

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.bucket import Bucket, Piece
from cryoet_bench.tomogram.portal.grid import Contents, Grid
from cryoet_bench.volume.region import Region

# As much as a chunk of the portal's OME-Zarr.
_PIECE_SIZE = 64 * 2**20


class MrcTwin:
    """An MRC volume in a bucket.

    Raises
    ------
    InputError
        The object is not an MRC volume.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self.address = f"s3://{bucket.name}/{key}"
        content = bucket.read(key, (0, HEADER_DTYPE.itemsize))
        try:
            header = _header(content)
            self._dtype = data_dtype_from_header(header)
        except ValueError as error:
            raise InputError(f"{self.address} is not an MRC volume: {error}") from error
        if (header.mapc, header.mapr, header.maps) != (1, 2, 3):
            raise InputError(f"{self.address} has other planes than those of z: use the OME-Zarr")
        z, y, x = int(header.nz), int(header.ny), int(header.nx)
        self._start = HEADER_DTYPE.itemsize + int(header.nsymbt)
        self._plane = y * x * self._dtype.itemsize
        intervals = (header.mz, header.my, header.mx)
        lengths = (header.cella.z, header.cella.y, header.cella.x)
        spacing_z, spacing_y, spacing_x = (
            float(length) / max(int(count), 1)
            for length, count in zip(lengths, intervals, strict=True)
        )
        self.grid = Grid(
            (z, y, x), (1, y, x), self._dtype.newbyteorder("="), (spacing_z, spacing_y, spacing_x)
        )

    def contents(self, region: Region) -> Contents:
        """Return the planes of a region, in spans of about a chunk's size.

        Raises
        ------
        InputError
            The object is gone, or shorter than its header says.
        """
        version = self._bucket.versions([self._key])[self._key]
        end = self._start + self.grid.shape[0] * self._plane
        if version is None or version.size < end:
            held = "is gone" if version is None else f"holds {version.size} bytes"
            raise InputError(f"{self.address} {held}: its header announces {end}")
        pieces = tuple(
            Piece(
                self._key,
                version,
                f"{first}-{last}.planes",
                (self._start + first * self._plane, self._start + last * self._plane),
            )
            for first, last in self._spans(region)
        )
        return Contents(pieces, region[0].stop - region[0].start, 0, "plane")

    def parts(self, folder: Path, region: Region) -> Iterator[tuple[Region, npt.NDArray[Any]]]:
        """Yield a region span by span."""
        _, y, x = region
        for first, last in self._spans(region):
            planes = np.fromfile(folder / f"{first}-{last}.planes", self._dtype)
            planes = planes.reshape(last - first, *self.grid.shape[1:])
            yield (slice(first, last), y, x), planes[:, y, x]

    def _spans(self, region: Region) -> Iterator[tuple[int, int]]:
        """Yield the first plane of each span and the one after its last."""
        step = max(1, _PIECE_SIZE // self._plane)
        for first in range(region[0].start, region[0].stop, step):
            yield first, min(first + step, region[0].stop)


def _header(content: bytes) -> Any:
    stamp = np.frombuffer(content, HEADER_DTYPE)["machst"][0]
    dtype = HEADER_DTYPE.newbyteorder(byte_order_from_machine_stamp(stamp))
    return np.frombuffer(content, dtype).view(np.recarray)[0]
