"""A store and a codec that count, as zarr 3 wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from zarr.abc.codec import BytesBytesCodec
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.registry import register_codec

from cryoet_bench.harness.counting.codec import tally
from cryoet_bench.harness.counting.requests import Requests

_Store: Any = Store  # what is abstract in it differs between releases


class CountingStore(_Store):  # type: ignore[misc]
    """Objects in memory; see `counting.counting_store`."""

    supports_writes = True
    supports_deletes = True
    supports_listing = True
    supports_partial_writes = False

    def __init__(
        self, requests: Requests, objects: dict[str, bytes], *, read_only: bool = False
    ) -> None:
        super().__init__(read_only=read_only)
        self._requests = requests
        self._objects = objects
        self._is_open = True

    def __eq__(self, other: object) -> bool:
        """Tell whether the other store holds the same objects."""
        return isinstance(other, CountingStore) and other._objects is self._objects

    __hash__: None  # type: ignore[assignment]

    def with_read_only(self, read_only: bool = False) -> CountingStore:
        """Return the same store with or without the right to write."""
        return CountingStore(self._requests, self._objects, read_only=read_only)

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return an object or a part of it."""
        value = self._objects.get(key)
        part = None if value is None else value[_slice(byte_range)]
        self._requests.note("get_partial" if byte_range else "get", fetched=len(part or b""))
        return None if part is None else prototype.buffer.from_bytes(part)

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> list[Any]:
        """Return parts of objects, each a request of its own."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Tell whether there is such an object."""
        self._requests.note("exists")
        return key in self._objects

    async def getsize(self, key: str) -> int:
        """Return an object's bytes, which a server tells with its existence."""
        self._requests.note("exists")
        return len(self._objects[key])

    async def set(self, key: str, value: Any) -> None:
        """Keep an object."""
        self._objects[key] = value.to_bytes()
        self._requests.note("set", stored=len(self._objects[key]))

    async def set_partial_values(self, key_start_values: Any) -> None:
        """Refuse, as stores of objects do; early releases of zarr 3 demand the method."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Forget an object."""
        self._requests.note("delete")
        self._objects.pop(key, None)

    async def list(self) -> AsyncIterator[str]:
        """Go over all keys."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Go over the keys with a prefix."""
        self._requests.note("list")
        for key in [key for key in self._objects if key.startswith(prefix)]:
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Go over the names directly below a path."""
        self._requests.note("list")
        prefix = prefix.rstrip("/") + "/" if prefix else ""
        below = (key[len(prefix) :] for key in self._objects if key.startswith(prefix))
        for name in sorted({key.split("/")[0] for key in below}):
            yield name


def _slice(byte_range: Any) -> slice:
    match byte_range:
        case RangeByteRequest(start=start, end=end):
            return slice(start, end)
        case OffsetByteRequest(offset=offset):
            return slice(offset, None)
        case SuffixByteRequest(suffix=suffix):
            return slice(-suffix, None)
        case _:
            return slice(None)


@dataclass(frozen=True)
class CountedCodec(BytesBytesCodec):
    """Leaves bytes as they are, and counts what it decodes."""

    is_fixed_size = True

    @classmethod
    def from_dict(cls, data: Any) -> CountedCodec:
        """Return the codec that the metadata of an array names."""
        del data
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return what the metadata of an array says."""
        return {"name": _COUNTED}

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: Any) -> int:
        """Return the same number."""
        return input_byte_length

    def _decode_sync(self, chunk_bytes: Any, _chunk_spec: Any) -> Any:
        tally.add(len(chunk_bytes))
        return chunk_bytes

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        return self._decode_sync(chunk_bytes, chunk_spec)

    def _encode_sync(self, chunk_bytes: Any, _chunk_spec: Any) -> Any:
        return chunk_bytes

    async def _encode_single(self, chunk_bytes: Any, _chunk_spec: Any) -> Any:
        return chunk_bytes


_COUNTED = "cryoet_bench_counted"
register_codec(_COUNTED, CountedCodec)
