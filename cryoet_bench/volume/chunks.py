"""Which chunks of a Zarr array are in its store."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    import zarr

Place = tuple[int, ...]
_CHUNK_KEY = re.compile(r"(?:c[./])?(\d+(?:[./]\d+)*)")
_NOTHING = 2**64 - 1  # offset and length of a chunk that is not in its shard


@dataclass(frozen=True)
class Inventory:
    """The chunks of an array, held against its metadata.

    Parameters
    ----------
    total : int
        How many there should be; chunks inside shards are counted, not shards.
    missing : list of tuple of int
        Grid positions of those that are not in the store.
    beyond : list of str
        Keys of chunks outside the array's shape.
    """

    total: int
    missing: list[Place]
    beyond: list[str]


def take_inventory(array: zarr.Array[Any], where: str) -> Inventory | None:
    """Compare the keys of a store with those that the array's metadata ask for.

    Returns
    -------
    Inventory or None
        None where the store cannot list its keys.

    Raises
    ------
    InputError
        Chunks lie under other keys than the metadata say, or hold fewer bytes than a chunk has.
    """
    try:
        present = _present(array)
    except (NotImplementedError, FileNotFoundError, PermissionError):
        return None
    if not present.keys() & {".zarray", "zarr.json"}:
        # A web server lists what it likes; a listing without the metadata just read is none.
        return None
    grid = _grid(array.shape, array.shards or array.chunks)
    expected = {place: array.metadata.encode_chunk_key(place) for place in np.ndindex(*grid)}
    absent = [place for place, key in expected.items() if key not in present]
    strangers = _strangers(present.keys() - set(expected.values()))
    elsewhere = [
        key
        for key, place in strangers.items()
        if place in absent or (len(place) != len(grid) and len(absent) == len(expected))
    ]
    if elsewhere:
        raise InputError(
            f"{where}: the chunks lie under other keys than the metadata say: "
            f"{_wanted(expected, strangers, elsewhere[0])} is wanted, {elsewhere[0]} is there "
            f"({len(elsewhere)} of {len(expected)} chunks); fix the separator of the chunk keys "
            "in its metadata"
        )
    _require_whole(array, present, expected, where)
    beyond = [
        key
        for key, place in strangers.items()
        if len(place) == len(grid) and any(a >= n for a, n in zip(place, grid, strict=True))
    ]
    if array.shards is None:
        return Inventory(len(expected), absent, beyond)
    inner = _grid(array.shape, array.chunks)
    missing = sorted(_missing_inside(array, expected, set(absent), inner))
    return Inventory(math.prod(inner), missing, beyond)


def _wanted(expected: dict[Place, str], strangers: dict[str, Place], key: str) -> str:
    place = strangers[key]
    return expected.get(place) or next(iter(expected.values()))


def _grid(shape: Sequence[int], step: Sequence[int]) -> tuple[int, ...]:
    return tuple(math.ceil(n / edge) for n, edge in zip(shape, step, strict=True))


def _strangers(keys: set[str]) -> dict[str, Place]:
    """Return the keys that look like those of chunks, with their grid positions."""
    found = {}
    for key in sorted(keys):
        match = _CHUNK_KEY.fullmatch(key)
        if match:
            found[key] = tuple(int(number) for number in re.split(r"[./]", match[1]))
    return found


def _present(array: zarr.Array[Any]) -> dict[str, int | None]:
    """Return the keys below an array, with their sizes in bytes where a listing tells them."""
    from zarr.core.sync import sync  # noqa: PLC0415
    from zarr.storage import LocalStore  # noqa: PLC0415

    store = array.store_path.store
    if isinstance(store, LocalStore):
        root = Path(store.root) / array.path
        return {
            file.relative_to(root).as_posix(): file.stat().st_size
            for file in root.rglob("*")
            if file.is_file()
        }
    prefix = f"{array.store_path.path}/" if array.store_path.path else ""

    async def listed() -> dict[str, int | None]:
        return {key.removeprefix(prefix): None async for key in store.list_prefix(prefix)}

    return sync(listed())


def _require_whole(
    array: zarr.Array[Any], present: dict[str, int | None], expected: dict[Place, str], where: str
) -> None:
    """Raise where a chunk's file is shorter than any chunk of the array can be."""
    raw = not (array.compressors or array.filters or array.shards)
    needed = math.prod(array.chunks) * array.dtype.itemsize if raw else 1
    for place, key in expected.items():
        held = present.get(key)
        if held is not None and held < needed:
            at = ", ".join(map(str, place))
            amount = f"{held:,} of {needed:,} bytes" if raw else "no bytes"
            raise InputError(
                f"{where}: the chunk at grid position ({at}), {key}, holds {amount}: a copy of it "
                "was interrupted; copy it again"
            )


def _missing_inside(
    array: zarr.Array[Any],
    expected: dict[Place, str],
    absent: set[Place],
    inner: tuple[int, ...],
) -> Iterator[Place]:
    """Yield the grid positions of the chunks that are in no shard."""
    assert array.shards is not None
    per_shard = _grid(array.shards, array.chunks)
    for shard, key in expected.items():
        held = None if shard in absent else _stored_in(array, key, per_shard)
        if held is None and shard not in absent:
            continue
        for place in np.ndindex(*per_shard):
            at = tuple(s * n + p for s, n, p in zip(shard, per_shard, place, strict=True))
            inside = all(a < n for a, n in zip(at, inner, strict=True))
            if inside and (held is None or not held[place]):
                yield at


def _stored_in(array: zarr.Array[Any], key: str, per_shard: tuple[int, ...]) -> Any:
    """Return which chunks a shard's index lists; None where the index is not plainly stored.

    The index is uint64 pairs of offset and length, all ones for a chunk that is not there:
    https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
    """
    from zarr.abc.store import RangeByteRequest, SuffixByteRequest  # noqa: PLC0415
    from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec  # noqa: PLC0415
    from zarr.core.buffer import default_buffer_prototype  # noqa: PLC0415
    from zarr.core.sync import sync  # noqa: PLC0415

    codec = getattr(array.metadata, "codecs", (None,))[0]
    if not isinstance(codec, ShardingCodec):
        return None
    first, *rest = codec.index_codecs
    if not isinstance(first, BytesCodec) or not all(isinstance(c, Crc32cCodec) for c in rest):
        return None
    length = 16 * math.prod(per_shard)
    total = length + 4 * len(rest)
    at_end = str(getattr(codec.index_location, "value", codec.index_location)) == "end"
    wanted = SuffixByteRequest(total) if at_end else RangeByteRequest(0, total)
    path = f"{array.store_path.path}/{key}" if array.store_path.path else key
    buffer = sync(array.store_path.store.get(path, default_buffer_prototype(), byte_range=wanted))
    if buffer is None or len(buffer) < total:
        return None
    order = "<" if str(getattr(first.endian, "value", first.endian)) == "little" else ">"
    pairs = np.frombuffer(buffer.to_bytes()[:length], f"{order}u8").reshape(*per_shard, 2)
    return (pairs != _NOTHING).any(axis=-1)
