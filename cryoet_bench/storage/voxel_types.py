"""The same volume as other voxel types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

DTYPES = ("float32", "float16", "int16", "uint8")
_SPAN = 6.0  # standard deviations on either side of the mean that an integer type covers


def as_type(volume: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return a volume in another type, scaled as microscopists scale.

    Floats are given in standard deviations from the mean, so that float16 does not fall into its
    subnormal range; integers cover six standard deviations on either side.

    Parameters
    ----------
    volume : numpy.ndarray
        Any real dtype.
    name : str
        One of `DTYPES`.

    Returns
    -------
    numpy.ndarray
        Of the same shape.
    """
    import numpy as np  # noqa: PLC0415

    if volume.dtype == name:
        return volume
    values = volume.astype(np.float64)
    values = (values - values.mean()) / (values.std() or 1.0)
    dtype = np.dtype(name)
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(name)
    low, high = float(limits.min), float(limits.max)
    scaled = (values + _SPAN) / (2 * _SPAN) * (high - low) + low
    return np.clip(np.rint(scaled), low, high).astype(dtype)
