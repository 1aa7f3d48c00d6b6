"""Does the timeline show the changes that are known, at the right release?

    scripts/bench --all
    python -m evaluations.known_steps

Of each known change it looks for the largest step of the case that should show it, in its
direction, and names the release that the step falls on. Exits with 1 when a step is smaller than
expected, or falls on another release.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryoet_bench.errors import InputError
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.record.record import history
from evaluations.recorded import evaluate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Known:
    """A change that upstream made.

    Attributes
    ----------
    what : str
        In words.
    benchmark, case : str
        What shows it: asv's name, and the case in words.
    suspects : tuple of str
        Tags of the releases that may have made it.
    least, most : float
        Between what the ratio of after to before lies.
    """

    what: str
    benchmark: str
    case: str
    suspects: tuple[str, ...]
    least: float
    most: float


_MORE, _ANY = float("inf"), 0.0
KNOWN = [
    Known(
        "zarr 3 was rewritten: Python calls of reading 64 chunks",
        "cost.Reads.track_python_calls",
        "whole, cube-32 v2",
        ("zarr-3.0.8",),  # the first of zarr 3 that is not withdrawn
        5.0,
        _MORE,
    ),
    Known(
        "requests for parts of a shard are joined: one slice",
        "cost.Reads.track_requests",
        "slice-xy, shard-32-in-128 v3",
        ("zarr-3.3.0",),
        _ANY,
        0.9,
    ),
    Known(
        "Blosc receives the element size: stored bytes at zarr 3's defaults",
        "size.Codecs.track_bytes_per_voxel",
        "zarr-blosc, v3",
        ("numcodecs-0.16.1",),
        _ANY,
        0.99,
    ),
    Known(
        "a shard is not encoded whole any more: writing one inner chunk",
        "write.Patterns.time_write",
        "one-chunk, shard-32-in-128 v3",
        ("zarr-3.1.4", "zarr-3.1.5", "zarr-3.1.6"),
        _ANY,
        0.65,
    ),
    Known(
        "a full shard is written without reading it: requests",
        "cost.Writes.track_requests",
        "one-object, shard-32-in-128 v3",
        ("zarr-3.2.0",),
        _ANY,
        0.5,
    ),
    Known(
        "blosclz decodes several times slower",
        "codec.Chunk.time_decode",
        "blosc-blosclz-5",
        ("numcodecs-0.13.0",),
        3.0,
        _MORE,
    ),
    Known(
        "LZ4 encodes faster",
        "codec.Chunk.time_encode",
        "numcodecs-lz4",
        ("numcodecs-0.16.1",),
        _ANY,
        0.75,
    ),
    Known(
        "numcodecs' default level of Zstd moves: encoded size of labels",
        "codec.Size.track_fraction_of_raw",
        "numcodecs-zstd, labels",
        ("numcodecs-0.13.0",),
        _ANY,
        0.99,
    ),
    Known(
        "a chunk that is no fill value is found sooner: writing float32 zeros to memory",
        "store.MemoryWrite.time_volume",
        "fill, left-out",
        ("zarr-3.4.1",),
        _ANY,
        0.6,
    ),
]


def judge(cases: pd.DataFrame) -> int:
    """Print a row for each known change."""
    print("| change | before | after | ratio | falls on | as expected |\n|---|---|---|---|---|---|")
    missed = 0
    for known in KNOWN:
        try:
            values = history(cases, known.benchmark, known.case)
        except InputError as error:
            missed += 1
            print(f"| {known.what} | | | | | {error} |")
            continue
        values = values[values["line"] == "main"].sort_values("date")
        rows = list(values.itertuples())
        if len(rows) < 2:
            missed += 1
            print(f"| {known.what} | | | | | fewer than two releases were measured |")
            continue
        steps = list(itertools.pairwise(rows))
        rising = known.most == _MORE
        before, after = (max if rising else min)(steps, key=lambda s: s[1].value / s[0].value)
        ratio = after.value / before.value
        right = after.revision in known.suspects and known.least <= ratio <= known.most
        missed += not right
        old, new = (value_in_words(one.value, one.unit) for one in (before, after))
        print(
            f"| {known.what} | {old} ({before.label}) | {new} | {ratio:.3g} | {after.label} "
            f"| {'yes' if right else 'no'} |"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(evaluate(judge, __doc__))
