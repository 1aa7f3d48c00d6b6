"""What a user of tomograms asks of a release, and which cases of the suite answer it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Metric = Literal["time", "size", "requests", "calls", "instructions", "memory"]

FORMATS = (2, 3)

_FORMAT = re.compile(r"(?:^|[ ,])v([23])(?:$|,)")

WORSE_BETTER: dict[Metric, tuple[str, str]] = {
    "time": ("slower", "faster"),
    "size": ("larger", "smaller"),
    "requests": ("more requests", "fewer requests"),
    "calls": ("more Python calls", "fewer Python calls"),
    "instructions": ("more instructions", "fewer instructions"),
    "memory": ("more memory", "less memory"),
}
"""How a change of a metric is said, for the worse and for the better."""


def format_of(case: str) -> int | None:
    """Return the Zarr format of a case in words, None where it has none."""
    found = _FORMAT.search(case)
    return int(found[1]) if found else None


@dataclass(frozen=True, kw_only=True)
class Aspect:
    """One thing that a user does, by one metric.

    Attributes
    ----------
    key : str
        Names it in addresses.
    label : str
        The heading of its column.
    doing : str
        What is done, as the beginning of a sentence: ``Reading one slice``.
    metric : str
        What is measured of it.
    benchmarks : tuple of str
        asv's names.
    cases : str
        A regular expression that its cases begin with.
    companion : bool
        Whether it only explains another aspect: left out of the overview.
    """

    key: str
    label: str
    doing: str
    metric: Metric
    benchmarks: tuple[str, ...]
    cases: str = ""
    companion: bool = False

    @cached_property
    def has_formats(self) -> bool:
        """Whether its cases are stored in a Zarr format; a codec alone is in none."""
        return not self.benchmarks[0].startswith(("codec.", "instructions."))

    def covers(self, benchmark: str, case: str, zarr_format: int | None = None) -> bool:
        """Return whether a case, in words, belongs to it; in one format, where one is given."""
        return (
            benchmark in self.benchmarks
            and re.match(self.cases, case) is not None
            and zarr_format in {None, format_of(case)}
        )


_READS = "read.Patterns.time_read"
_CALLS = "cost.Reads.track_python_calls"
_REQUESTS = "cost.Reads.track_requests"
_MEMORY = "cost.ReadMemory.track_traced_peak"
_WRITE_CALLS = "cost.Writes.track_python_calls"
_WRITE_REQUESTS = "cost.Writes.track_requests"

_COUNTED_READS: tuple[tuple[str, Metric], ...] = (
    (_CALLS, "calls"),
    (_REQUESTS, "requests"),
    (_MEMORY, "memory"),
)
_COUNTED_WRITES: tuple[tuple[str, Metric], ...] = (
    (_WRITE_CALLS, "calls"),
    (_WRITE_REQUESTS, "requests"),
    ("memory.Written.track_traced_peak", "memory"),
)
_COUNTED_OPENINGS: tuple[tuple[str, Metric], ...] = (
    ("cost.Pyramid.track_python_calls", "calls"),
    ("cost.Pyramid.track_requests", "requests"),
)
_EXPLAINED = (
    ("write", "Writing a volume", "whole", _COUNTED_WRITES),
    ("read", "Reading a volume", "whole", _COUNTED_READS),
    ("slice", "Reading one slice", "slice-x|slice-y", _COUNTED_READS),
    ("boxes", "Reading boxes around particles", "boxes-", _COUNTED_READS),
    ("open", "Opening an array or a group", "open-", _COUNTED_OPENINGS),
    ("one-chunk", "Writing one chunk", "one-chunk", _COUNTED_WRITES),
)
"""What is timed, and by which counts each is explained, for the same cases."""

ASPECTS: tuple[Aspect, ...] = (
    Aspect(key="write", label="Write", doing="Writing a volume", metric="time",
           benchmarks=("write.Codecs.time_volume", "write.Layouts.time_volume")),
    Aspect(key="read", label="Read", doing="Reading a volume", metric="time",
           benchmarks=("read.Codecs.time_volume", "read.Layouts.time_volume")),
    Aspect(key="slice", label="Slice", doing="Reading one slice", metric="time",
           benchmarks=(_READS,), cases="slice-x|slice-y"),
    Aspect(key="boxes", label="Boxes", doing="Reading boxes around particles", metric="time",
           benchmarks=(_READS,), cases="boxes-"),
    Aspect(key="patches", label="Patches", doing="Reading training patches", metric="time",
           benchmarks=(_READS,), cases="patches-"),
    Aspect(key="open", label="Open", doing="Opening an array or a group", metric="time",
           benchmarks=("read.Opening.time_open",)),
    Aspect(key="one-chunk", label="One chunk", doing="Writing one chunk", metric="time",
           benchmarks=("write.Patterns.time_write",), cases="one-chunk", companion=True),
    Aspect(key="size", label="Size", doing="Storing a volume", metric="size",
           benchmarks=("size.Codecs.track_bytes_per_voxel", "size.Layouts.track_bytes_per_voxel")),
    Aspect(key="requests", label="Requests", doing="Requests of reads and writes",
           metric="requests",
           benchmarks=(_REQUESTS, _WRITE_REQUESTS, "cost.Pyramid.track_requests")),
    Aspect(key="calls", label="Calls", doing="Python calls of reads and writes",
           metric="calls",
           benchmarks=(_CALLS, _WRITE_CALLS, "cost.Pyramid.track_python_calls")),
    Aspect(key="memory", label="Memory", doing="Memory of reads and writes",
           metric="memory",
           benchmarks=(_MEMORY, "memory.Written.track_traced_peak")),
    Aspect(key="codec", label="Codec", doing="Compressing and decompressing a chunk",
           metric="time", benchmarks=("codec.Chunk.time_encode", "codec.Chunk.time_decode")),
    Aspect(key="instructions", label="Instructions",
           doing="Instructions of codecs", metric="instructions",
           benchmarks=("instructions.Chunk.track_encode", "instructions.Chunk.track_decode")),
    *(
        Aspect(key=f"{key}-{metric}", label=metric.capitalize(), doing=doing, metric=metric,
               benchmarks=(benchmark,), cases=cases, companion=True)
        for key, doing, cases, counted in _EXPLAINED
        for benchmark, metric in counted
    ),
)  # fmt: skip
"""The overview's, in its order; then those that explain them, by the key of what they explain."""


@dataclass(frozen=True)
class Facet:
    """An aspect in one Zarr format; None for what has no format."""

    aspect: Aspect
    zarr_format: int | None

    @property
    def key(self) -> str:
        """Names it in the data of the site."""
        return f"{self.aspect.key}-v{self.zarr_format}" if self.zarr_format else self.aspect.key

    def covers(self, benchmark: str, case: str) -> bool:
        """Return whether a case, in words, belongs to it."""
        return self.aspect.covers(benchmark, case, self.zarr_format)


def facets() -> list[Facet]:
    """Return every aspect in every format that it has."""
    return [
        Facet(aspect, zarr_format)
        for aspect in ASPECTS
        for zarr_format in (FORMATS if aspect.has_formats else (None,))
    ]
