"""A store that counts, as zarr 2 wants a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryoet_bench.harness.counting.requests import Requests
from cryoet_bench.storage import installed

_BaseStore: Any = installed.zarr().storage.BaseStore


class CountingStore(_BaseStore):  # type: ignore[misc]
    """Objects in memory; see `counting.counting_store`."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._objects: dict[str, bytes] = {}

    def __getitem__(self, key: str) -> bytes:
        """Return an object."""
        value = self._objects.get(key)
        self._requests.note("get", fetched=len(value or b""))
        if value is None:
            raise KeyError(key)
        return value

    def getitems(self, keys: Any, **_: Any) -> dict[str, bytes]:
        """Return those that exist: zarr 2's remote stores ask for each once, all together."""
        found = {}
        for key in keys:
            value = self._objects.get(key)
            self._requests.note("get", fetched=len(value or b""))
            if value is not None:
                found[key] = value
        return found

    def __setitem__(self, key: str, value: Any) -> None:
        """Keep an object."""
        self._objects[key] = bytes(memoryview(value).cast("B"))
        self._requests.note("set", stored=len(self._objects[key]))

    def __delitem__(self, key: str) -> None:
        """Forget an object."""
        self._requests.note("delete")
        del self._objects[key]

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such an object."""
        self._requests.note("exists")
        return key in self._objects

    def __iter__(self) -> Iterator[str]:
        """Go over all keys."""
        self._requests.note("list")
        return iter(list(self._objects))

    def __len__(self) -> int:
        """Return how many objects there are."""
        self._requests.note("list")
        return len(self._objects)

    def listdir(self, path: str = "") -> list[str]:
        """Return the names directly below a path."""
        self._requests.note("list")
        prefix = f"{path}/" if path else ""
        below = (key[len(prefix) :] for key in self._objects if key.startswith(prefix))
        return sorted({key.split("/")[0] for key in below})
