"""Which exact metrics explain a time, and which codec is at work in it.

What the suite measures is known here by name, because only a reader knows that the Python calls of
a read explain its time. A test holds the names against the suite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryoet_bench.changes.finding import NO_COMPANION, Layer
from cryoet_bench.changes.moves import Move, Moves
from cryoet_bench.changes.subject import FORMATS, Named, plain, values
from cryoet_bench.record.benchmark import words
from cryoet_bench.record.overview import value_in_words

_NONE_MOVED = f"{NO_COMPANION} explains it"
_NONE_MEASURED = f"{NO_COMPANION} was measured that could explain it"


@dataclass(frozen=True)
class Companion:
    """An exact metric that explains the times of some benchmark.

    Attributes
    ----------
    benchmark : str
        asv's name.
    case : callable
        Turns a case of the time into that of the metric.
    """

    benchmark: str
    case: Callable[[Named], Named]


def _same(case: Named) -> Named:
    return case


def _whole(case: Named) -> Named:
    return ("whole", *case)


def _chunked(case: Named) -> Named:
    """Return the read or write of 64-cubes in the format of a case by codec or voxel type."""
    return ("whole", "cube-64", next((one for one in case if one in FORMATS), "v2"))


def _accessed(case: Named) -> Named:
    """Return a case without its first value: an engine or a store."""
    return case[1:]


def _written(case: Named) -> Named:
    return ("whole", *case[1:])


def _action(case: Named) -> Named:
    return (f"open-{case[0]}", *case[1:])


def _densities(case: Named) -> Named:
    return (*case, "densities")


def _reads(case: Callable[[Named], Named]) -> tuple[Companion, ...]:
    names = ("python_calls", "requests", "read_amplification", "decode_amplification")
    return tuple(Companion(f"cost.Reads.track_{name}", case) for name in names)


def _writes(case: Callable[[Named], Named]) -> tuple[Companion, ...]:
    names = ("python_calls", "requests", "bytes_moved")
    return tuple(Companion(f"cost.Writes.track_{name}", case) for name in names)


COMPANIONS: dict[str, tuple[Companion, ...]] = {
    "codec.Chunk.time_encode": (
        Companion("instructions.Chunk.track_encode", _same),
        Companion("codec.Size.track_fraction_of_raw", _densities),
    ),
    "codec.Chunk.time_decode": (
        Companion("instructions.Chunk.track_decode", _same),
        Companion("codec.Size.track_fraction_of_raw", _densities),
    ),
    "read.Codecs.time_volume": (
        Companion("size.Codecs.track_bytes_per_voxel", _same),
        *_reads(_chunked),
    ),
    "read.Layouts.time_volume": _reads(_whole),
    "read.Types.time_volume": (
        Companion("size.Types.track_bytes_per_voxel", _same),
        *_reads(_chunked),
    ),
    "read.Patterns.time_read": _reads(_same),
    "read.Cold.time_read": _reads(_same),
    "read.Opening.time_open": (
        Companion("cost.Pyramid.track_python_calls", _action),
        Companion("cost.Pyramid.track_requests", _action),
    ),
    "read.Level.time_read": (
        Companion("cost.Pyramid.track_python_calls", lambda case: ("read-coarsest-level", *case)),
        Companion("cost.Pyramid.track_requests", lambda case: ("read-coarsest-level", *case)),
    ),
    "write.Codecs.time_volume": (
        Companion("size.Codecs.track_bytes_per_voxel", _same),
        *_writes(_chunked),
    ),
    "write.Layouts.time_volume": _writes(_whole),
    "write.Types.time_volume": (
        Companion("size.Types.track_bytes_per_voxel", _same),
        *_writes(_chunked),
    ),
    "write.Patterns.time_write": _writes(_same),
    "write.Pyramid.time_write": (
        Companion("cost.Pyramid.track_python_calls", lambda case: ("rewrite", *case)),
        Companion("cost.Pyramid.track_requests", lambda case: ("rewrite", *case)),
    ),
    "defaults.Read.time_volume": (
        Companion("defaults.Cost.track_python_calls", lambda _: ("read",)),
        Companion("defaults.Cost.track_requests", lambda _: ("read",)),
        Companion("defaults.Size.track_fraction_of_raw", lambda _: ()),
    ),
    "defaults.Write.time_volume": (
        Companion("defaults.Cost.track_python_calls", lambda _: ("write",)),
        Companion("defaults.Cost.track_requests", lambda _: ("write",)),
        Companion("defaults.Size.track_fraction_of_raw", lambda _: ()),
    ),
    "engine.Read.time_read": (Companion("engine.Cost.track_python_calls", _same),),
    "engine.Write.time_write": _writes(_written),
    "labels.Read.time_volume": (
        Companion("labels.Size.track_fraction_of_raw", lambda case: (*case, "v2")),
    ),
    "labels.Write.time_volume": (
        Companion("labels.Size.track_fraction_of_raw", lambda case: (*case, "v2")),
    ),
    "lossy.Read.time_volume": (Companion("lossy.Fidelity.track_bytes_per_voxel", _same),),
    "lossy.Write.time_volume": (Companion("lossy.Fidelity.track_bytes_per_voxel", _same),),
    "memory.Peak.peakmem_read": (Companion("cost.ReadMemory.track_traced_peak", _whole),),
    "memory.Peak.peakmem_write": (Companion("memory.Written.track_traced_peak", _whole),),
    "parallel.Dask.time_mean": _reads(_whole),
    "parallel.Loader.time_patches": _reads(lambda case: ("patches-96", *case)),
    "parallel.Threads.time_volume": _reads(_whole),
    "store.MemoryRead.time_volume": _reads(lambda _: ("whole", "cube-64", "v2")),
    "store.MemoryWrite.time_volume": _writes(lambda _: ("whole", "cube-64", "v2")),
    "store.Read.time_read": _reads(_accessed),
    "store.S3.time_read": (
        Companion("store.RoundTrips.track_round_trips", lambda case: case[:-1]),
        *_reads(lambda case: case[:-1]),
    ),
    "store.Write.time_volume": _writes(_written),
}
"""The exact metrics of each time, those first that explain most."""


_CODECS = {
    "read.Layouts": "blosc-zstd-5", "write.Layouts": "blosc-zstd-5",
    "read.Types": "blosc-zstd-5", "write.Types": "blosc-zstd-5",
    "read.Patterns": "blosc-lz4-5", "write.Patterns": "blosc-lz4-5",
    "read.Cold": "blosc-lz4-5", "read.Level": "blosc-lz4-5", "write.Pyramid": "blosc-lz4-5",
    "store.Read": "blosc-lz4-5", "store.Write": "blosc-lz4-5", "store.S3": "blosc-lz4-5",
    "engine.Read": "blosc-lz4-5", "engine.Write": "blosc-lz4-5",
    "parallel.Dask": "blosc-lz4-5", "parallel.Loader": "blosc-lz4-5",
    "parallel.Threads": "blosc-lz4-5",
}  # fmt: skip
"""The codec of the benchmarks that have no axis of codecs, by their class."""

_ALONE = "codec.Chunk"


def explain(found: Sequence[Move], every: Moves) -> str:
    """Return the exact metric that explains some changed times of one benchmark, in words."""
    release, benchmark = found[0].after, found[0].benchmark
    measured = False
    for companion in COMPANIONS.get(benchmark.name, ()):
        wanted = {companion.case(values(move.case)) for move in found}
        judged = {values(one) for one in every.judged.get((release.name, companion.benchmark), ())}
        measured = measured or bool(wanted & judged)
        moved = [
            move
            for case, move in every.at(release.name, companion.benchmark).items()
            if case in wanted and _explains(move, found[0])
        ]
        if moved:
            return _in_words(max(moved, key=lambda move: abs(move.size)))
    return _NONE_MOVED if measured else _NONE_MEASURED


def _in_words(move: Move) -> str:
    """Return how an exact metric moved: ``Python calls of a read 3,585 to 19,779 (whole)``."""
    where = f" ({plain(words(move.case))})" if move.case else ""
    unit = move.benchmark.unit
    before, after = (
        value_in_words(one, unit).removesuffix(f" {unit}").removesuffix(f" {unit.rstrip('s')}")
        for one in (move.old, move.new)
    )  # a single one has a unit without its s
    return f"{move.benchmark.title} {before} to {after}{where}"


def _explains(exact: Move, timed: Move) -> bool:
    """Tell whether an exact metric moved in the same step and direction as a time.

    Of stored bytes either direction explains one: a codec that works harder stores less.
    """
    is_same_step = exact.before == timed.before and bool(exact.ratio)
    return is_same_step and (exact.kind in {"larger", "smaller"} or exact.size * timed.size > 0)


def layer(found: Sequence[Move], every: Moves) -> Layer | None:
    """Return where the times of one benchmark moved: in the codec alone, in zarr, or in both.

    None where that cannot be told, because the codec was not measured alone.
    """
    release, benchmark = found[0].after, found[0].benchmark
    if benchmark.family == _ALONE:
        return "codec"
    way = "encode" if "rite" in benchmark.family else "decode"
    alone = [f"codec.Chunk.time_{way}", f"instructions.Chunk.track_{way}"]
    named = {codec(benchmark.family, values(move.case)) for move in found}
    codecs = {(name,) for name in named if name}
    judged = {values(one) for name in alone for one in every.judged.get((release.name, name), ())}
    if not codecs & judged:
        return "zarr" if release.package == "zarr" else None
    moved = {
        case
        for name in alone
        for case, move in every.at(release.name, name).items()
        if case in codecs and move.ratio and move.size * found[0].size > 0
    }
    if not moved:
        return "zarr"
    others = [one for one in COMPANIONS[benchmark.name] if one.benchmark.startswith("cost.")]
    zarr_moved = any(every.at(release.name, one.benchmark) for one in others)
    return "both" if zarr_moved or moved != codecs else "codec"


def codec(family: str, case: Named) -> str | None:
    """Return the codec that is at work in a case."""
    if family in _CODECS:
        return _CODECS[family]
    return case[0] if family in {"read.Codecs", "write.Codecs"} else None
