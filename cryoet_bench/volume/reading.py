"""What goes wrong when a damaged file is read, in one sentence."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable, Iterator

from cryoet_bench.errors import InputError

_ERRORS = (
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
# Those of libraries that have a family of their own, by module.
_FAMILIES = {
    "zarr.errors": ("BaseZarrError",),
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "aiohttp": ("ClientError",),
}


# What clients of a server say of these names their own classes.
_IN_WORDS = {
    "TooManyRedirects": "its server redirects requests in a circle",
    "ConnectionResetError": "its server resets the connection",
    "ServerDisconnectedError": "its server closes the connection without an answer",
}


def read_errors() -> tuple[type[Exception], ...]:
    """Return what the readers' libraries, as far as they are loaded, raise on damaged files."""
    families = [
        getattr(sys.modules[module], name)
        for module, names in _FAMILIES.items()
        if module in sys.modules
        for name in names
    ]
    return (*_ERRORS, *families)


def reason(error: Exception) -> str:
    """Return a library's own words in one line, or ours where those say nothing to a user."""
    for cause in _causes(error):
        if words := _IN_WORDS.get(type(cause).__name__):
            return words
    text = " ".join(str(error).split()) or "it says no more"
    return f"{text} is missing" if isinstance(error, KeyError) else text


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, the outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def readable[Result](read: Callable[[], Result], what: str) -> Result:
    """Run something that reads voxels; what goes wrong in a damaged store is one sentence.

    Raises
    ------
    InputError
        The voxels cannot be read.
    """
    try:
        return read()
    except InputError:
        raise
    except read_errors() as error:
        raise InputError(f"the voxels of {what} cannot be read: {reason(error)}") from error


def short(holds: int, needs: int) -> str:
    """Return how much of what it should hold a file holds, in megabytes and per cent."""
    return f"it holds {holds / 1e6:.3g} of {needs / 1e6:.3g} MB ({100 * holds / needs:.1f} %)"
