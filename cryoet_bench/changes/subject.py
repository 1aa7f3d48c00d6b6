"""Which cases a finding is about, in the words of the suite's axes."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from cryoet_bench.record.benchmark import Benchmark, Case, words

Named = tuple[str, ...]
"""A case as its values along the axes, a layout apart from its format."""

FORMATS = {"v2": "format 2", "v3": "format 3"}

PLAIN = {
    "all-fill": "fill value everywhere",
    "fill": "fill value",
    "left-out": "empty chunks left out",
    "settled": "pinned to one core",
    "stored": "empty chunks stored",
}
"""Values of the suite's axes whose own names say too little to a reader."""

_SHARDS = "shard-"
_KINDS = {_SHARDS: "sharded layouts", "blosc-": "Blosc", "slice-": "slices", "cube-": "cubes"}
"""Names of all values along an axis that begin alike."""

_STORED = frozenset({"codec", "layout"})
"""Axes that say how voxels are stored."""

_LISTED = 3
_MOST = 0.8
"""The share of the cases of a description that must have changed for it to be a fair one."""


@dataclass(frozen=True)
class Subject:
    """Some of the cases of a benchmark.

    Attributes
    ----------
    words : str
        What they have in common: ``sharded layouts, format 3``; empty where they are all cases.
    stored : tuple of str
        The codecs and layouts that set them apart from the other cases: findings of one release
        that share one are about the same stored bytes.
    """

    words: str
    stored: tuple[str, ...] = ()


def subject(benchmark: Benchmark, cases: Collection[Case], judged: Collection[Case]) -> Subject:
    """Return what sets some cases of a benchmark apart from the others that were judged."""
    own = [values(case) for case in cases]
    every = [values(case) for case in judged]
    if len(own) == len(every) > 1 or not own[0]:
        return Subject("")
    axes = [dict.fromkeys(column) for column in zip(*every, strict=True)]
    chosen = [dict.fromkeys(column) for column in zip(*own, strict=True)]
    narrow = [place for place, found in enumerate(chosen) if len(found) < len(axes[place])]
    kept = _axes(benchmark)
    for count in range(1, len(narrow) + 1):
        for places in itertools.combinations(narrow, count):
            alike = [one for one in every if all(one[place] in chosen[place] for place in places)]
            names = [_name(list(chosen[place]), list(axes[place])) for place in places]
            if all(names) and len(own) >= _MOST * len(alike):
                return Subject(", ".join(names), _stored(chosen, kept, places))
    listed = "; ".join(plain(words(case)) for case in list(cases)[:_LISTED])
    more = f" and {len(own) - _LISTED} more" if len(own) > _LISTED else ""
    return Subject(listed + more, _stored(chosen, kept, narrow))


def _stored(
    chosen: Sequence[Iterable[str]], names: Sequence[str], places: Iterable[int]
) -> tuple[str, ...]:
    return tuple(one for place in places if names[place] in _STORED for one in chosen[place])


def _axes(benchmark: Benchmark) -> list[str]:
    """Return the names of the axes that `values` gives the values along."""
    names = benchmark.description.get("param_names", [])
    first = values(benchmark.cases[0])
    found: list[str] = []
    for name in names:
        found += ["layout", "format"] if name == "array" else [name]
    return found + [""] * (len(first) - len(found))


def values(case: Case) -> Named:
    """Return the values of a case along its axes, a layout apart from its format."""
    found: list[str] = []
    for value in (one.strip("'\"") for one in case):
        layout, _, storage_format = value.rpartition(" ")
        found += [layout, storage_format] if layout and storage_format in FORMATS else [value]
    return tuple(found)


def plain(case: str) -> str:
    """Return a case in words that a reader knows, from those of the suite."""
    return ", ".join(PLAIN.get(value, value) for value in case.split(", "))


def _name(chosen: Sequence[str], every: Sequence[str]) -> str:
    """Return a name for some of the values along an axis; empty where there is none."""
    for beginning, name in _KINDS.items():
        alike = {one for one in every if one.startswith(beginning)}
        if alike == set(chosen) and (len(alike) > 1 or beginning == _SHARDS):
            return name
    if len(chosen) > _LISTED:
        return ""
    named = [FORMATS.get(value) or PLAIN.get(value, value) for value in chosen]
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
