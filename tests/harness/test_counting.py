from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, wait
from typing import Any

import numpy as np
import pytest

from cryoet_bench.harness import conditions, counting
from cryoet_bench.harness.counting import Requests
from cryoet_bench.storage import arrays
from cryoet_bench.storage.arrays import FORMATS, Storage

VOLUME = np.random.default_rng(0).normal(size=(64, 64, 64)).astype(np.float32)


def _stored(codec: str, layout: str, form: str) -> tuple[Any, Requests]:
    requests = Requests()
    store = counting.counting_store(requests)
    storage = Storage.named(codec, layout, form)
    arrays.create(store, VOLUME.shape, VOLUME.dtype, storage)[...] = VOLUME
    array = arrays.open_array(store)
    requests.clear()
    return array, requests


@pytest.mark.parametrize("form", list(FORMATS))
def test_each_chunk_is_one_request_for_its_bytes(form: str) -> None:
    array, requests = _stored("none", "cube-32", form)
    np.testing.assert_array_equal(array[...], VOLUME)
    assert requests.kinds == {"get": 8}
    assert requests.fetched == VOLUME.nbytes


def test_a_part_of_a_shard_is_fetched_in_parts() -> None:
    array, requests = _stored("none", "shard-16-in-64", "v3")
    np.testing.assert_array_equal(array[:16, :16, :16], VOLUME[:16, :16, :16])
    index = 4**3 * 16 + 4
    assert requests.kinds == {"get_partial": 2}
    assert requests.fetched == index + 4 * 16**3


def test_stored_bytes_and_kinds_of_a_write() -> None:
    requests = Requests()
    storage = Storage.named("none", "cube-32", "v2")
    store = counting.counting_store(requests)
    array = arrays.create(store, VOLUME.shape, VOLUME.dtype, storage)
    requests.clear()
    array[:32] = VOLUME[:32]
    assert requests.kinds == {"set": 4}
    assert requests.stored == VOLUME.nbytes // 2
    assert requests.fetched == 0


def test_the_store_lists_and_deletes() -> None:
    requests = Requests()
    store = counting.counting_store(requests)
    storage = Storage.named("none", "cube-32", "v3")
    arrays.create(store, (32, 32, 32), VOLUME.dtype, storage, path="a/b")

    async def use() -> tuple[list[str], list[str], int]:
        everything = [key async for key in store.list()]
        below = [key async for key in store.list_dir("a")]
        size = await store.getsize("a/b/zarr.json")
        await store.delete("a/b/zarr.json")
        return everything, below, size

    requests.clear()
    everything, below, size = asyncio.run(use())
    assert "a/b/zarr.json" in everything
    assert "b" in below
    assert size > 100
    assert requests.kinds == {"list": 2, "exists": 1, "delete": 1}


@pytest.mark.parametrize(
    ("layout", "form", "decoded"),
    [("cube-32", "v2", 4 * 32**3), ("cube-32", "v3", 4 * 32**3), ("shard-16-in-64", "v3", 16**4)],
)
def test_decoded_bytes_are_those_of_whole_chunks(layout: str, form: str, decoded: int) -> None:
    storage = Storage(
        codec=counting.counted_codec(),
        layout=Storage.named("none", layout, form).layout,
        zarr_format=FORMATS[form],
    )
    store = counting.counting_store(Requests())
    arrays.create(store, VOLUME.shape, VOLUME.dtype, storage)[...] = VOLUME
    array = arrays.open_array(store)
    assert counting.decoded_bytes(lambda: array[3]) == decoded * 4


def test_python_calls_of_all_threads() -> None:
    def one() -> None:
        pass

    def action() -> None:
        for _ in range(100):
            one()
        thread = threading.Thread(target=lambda: [one() for _ in range(50)])
        thread.start()
        thread.join()

    # The action itself, the lambda and 150 calls; how threads start and wait is left out.
    assert 152 <= counting.python_calls(action) <= 160
    assert counting.python_calls(action) == counting.python_calls(action)


def test_a_wait_that_was_over_early_is_seven_calls_fewer() -> None:
    """The chance that `Benchmark.is_same` knows of."""

    def calls(*, early: bool) -> int:
        def action() -> None:
            future: Future[None] = Future()
            timer = threading.Timer(0.05, future.set_result, [None])
            timer.start()
            if early:
                timer.join()
            wait([future])
            timer.join()

        # Not one: what other tests left behind is collected in the middle now and then.
        return min(counting.python_calls(action) for _ in range(5))

    assert calls(early=False) - calls(early=True) == 7


def test_traced_peak_is_what_is_held_at_once() -> None:
    def action() -> None:
        first = np.ones(2**20, np.uint8)
        del first
        np.ones(3 * 2**20, np.uint8)

    assert 3 * 2**20 <= counting.traced_peak(action) < 3 * 2**20 + 10_000


def test_one_request_at_a_time_holds_and_ends() -> None:
    import zarr

    before = zarr.config.get("async.concurrency")
    with conditions.one_request_at_a_time():
        assert zarr.config.get("async.concurrency") == 1
    assert zarr.config.get("async.concurrency") == before
