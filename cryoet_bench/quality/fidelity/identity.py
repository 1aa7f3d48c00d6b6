"""Whether two volumes are the same, bit by bit: one pass that ends at the first difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.volume.boxes import Voxels, boxes
from cryoet_bench.volume.bricks import brick_shape, working_dtype

Array = npt.NDArray[Any]


def identical(reference: Voxels, copy: Voxels) -> bool:
    """Return whether every voxel has the same value and the same bits.

    Types may differ where both hold the value: 3 as int16 is 3.0 as float32. Byte order is a
    format's choice and no difference; the sign of a zero and the payload of a NaN are one.

    Parameters
    ----------
    reference, copy : array-like, shape (z, y, x)
        Of one shape.
    """
    return all(
        _same(np.asarray(reference[box]), np.asarray(copy[box]))
        for box in boxes(reference.shape, brick_shape(reference, copy))
    )


def _same(a: Array, b: Array) -> bool:
    if a.dtype.kind != "f" and b.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    dtype = a.dtype if a.dtype == b.dtype else working_dtype(a.dtype, b.dtype)
    native = dtype.newbyteorder("=")
    bits = np.dtype(f"u{native.itemsize}")
    first, second = (np.ascontiguousarray(part, native).view(bits) for part in (a, b))
    return bool(np.array_equal(first, second))
