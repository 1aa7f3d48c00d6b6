"""What goes wrong when a damaged file is read, in one sentence."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from cryoet_bench.errors import InputError

# What the readers' libraries raise on damaged files.
READ_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    OSError,
    EOFError,
    MemoryError,
    OverflowError,
    struct.error,
    zlib.error,
)


def reason(error: Exception) -> str:
    """Return a library's own words in one line."""
    text = " ".join(str(error).split()) or "it says no more"
    return f"{text} is missing" if isinstance(error, KeyError) else text


def readable[Result](read: Callable[[], Result], what: str) -> Result:
    """Run something that reads voxels; what goes wrong in a damaged store is one sentence.

    Raises
    ------
    InputError
        The voxels cannot be read.
    """
    import zarr.errors  # noqa: PLC0415

    try:
        return read()
    except InputError:
        raise
    except (*READ_ERRORS, zarr.errors.BaseZarrError) as error:
        raise InputError(f"the voxels of {what} cannot be read: {reason(error)}") from error


def short(holds: int, needs: int) -> str:
    """Return how much of what it should hold a file holds, in megabytes and per cent."""
    return f"it holds {holds / 1e6:.3g} of {needs / 1e6:.3g} MB ({holds / needs:.1%})"
