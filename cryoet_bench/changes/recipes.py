"""What a case of a benchmark does, as source code: short, and of zarr and numcodecs alone.

What the suite's classes do is known here by name, because a reader of the script is to see one case
spelled out, not a suite. The templates make a program of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.codecs import CODECS, COMPRESSORS, Codec
from cryoet_bench.storage.layouts import LAYOUTS, Layout

Metric = Literal["seconds", "calls", "bytes"]
_ARRAY_CODEC, _LAYOUT_CODEC, _CODEC_LAYOUT = "blosc-lz4-5", "blosc-zstd-5", "cube-64"
"""What the suite's classes store where their cases do not say (see docs/benchmarks.md)."""


@dataclass(frozen=True)
class Recipe:
    """What one case of a benchmark does, as source code.

    Attributes
    ----------
    prepare, work : str
        What comes before, and what is measured.
    metric : {"seconds", "calls", "bytes"}
        What of it.
    prepares_once : bool
        Whether one preparation serves all samples.
    codec, layout, zarr_format
        How it is stored; without a layout it is the codec alone.
    edge : int
        Of the volume, in voxels.
    empty_chunks : {"left-out", "stored"} or None
        Where it is stored in memory: what becomes of chunks of nothing but the fill value. None
        stands for files, and for what the release does by itself.
    """

    prepare: str
    work: str
    metric: Metric
    prepares_once: bool
    codec: Codec
    layout: Layout | None = None
    zarr_format: int = 2
    edge: int = 128
    empty_chunks: str | None = None

    @property
    def uses_zarr(self) -> bool:
        """Whether it is more than the codec alone."""
        return self.layout is not None

    @property
    def uses_files(self) -> bool:
        """Whether something is stored in files."""
        return self.uses_zarr and self.empty_chunks is None

    @property
    def counts_calls(self) -> bool:
        """Whether Python calls are what is counted."""
        return self.metric == "calls"

    @property
    def names_codec(self) -> bool:
        """Whether a codec is named, not left to the release."""
        return self.codec.chosen

    @property
    def configuration(self) -> str:
        """The codec as numcodecs takes it."""
        return repr(dict(self.codec.compressor or {}))

    @property
    def chunks(self) -> str:
        """Of the array."""
        assert self.layout is not None
        return repr(self.layout.chunks)

    @property
    def shards(self) -> str:
        """Of the array."""
        assert self.layout is not None
        return repr(self.layout.shards)

    @property
    def compressor(self) -> str:
        """The codec as the array's format takes it."""
        if self.codec.zarr_class:
            return f"[zarr.codecs.{self.codec.zarr_class}()]"
        if self.zarr_format == 3:
            return repr(self.codec.format3(4)["compressors"])
        if self.codec.compressor is None:
            return "None"
        return f"numcodecs.get_codec({self.configuration})"


_WRITE = "array = create(path)\narray[...] = volume"
_OPEN = f"global array\n{_WRITE}\narray = zarr.open_array(path, mode='r')"
_CLEAR = "shutil.rmtree(path, ignore_errors=True)"
_STORED = (
    f"{_WRITE}\n"
    "names = [os.path.join(at, name) for at, _, names in os.walk(path) for name in names]\n"
    "metadata = ('zarr.json', '.zarray', '.zgroup', '.zattrs')\n"
    "return sum(os.path.getsize(n) for n in names if os.path.basename(n) not in metadata)"
)

Parameters = Mapping[str, str]


def _codec_alone(work: str, metric: Metric = "seconds") -> Callable[[Parameters], Recipe]:
    def recipe(case: Parameters) -> Recipe:
        return Recipe(
            "pass", work, metric, prepares_once=True, codec=COMPRESSORS[case["codec"]], edge=64
        )

    return recipe


def _stored(
    prepare: str, work: str, metric: Metric = "seconds", *, prepares_once: bool = True
) -> Callable[[Parameters], Recipe]:
    def recipe(case: Parameters) -> Recipe:
        layout, _, form = case.get("array", "").partition(" ")
        by_layout = "layout" in case
        codec = case.get("codec", _LAYOUT_CODEC if by_layout else _ARRAY_CODEC)
        chosen = layout or case.get("layout", _CODEC_LAYOUT)
        zarr_format = int((form or case["format"]).removeprefix("v"))
        return Recipe(
            prepare, work, metric, prepares_once, CODECS[codec], LAYOUTS[chosen], zarr_format
        )

    return recipe


def _pattern(metric: Metric) -> Callable[[Parameters], Recipe]:
    def recipe(case: Parameters) -> Recipe:
        selections = READS[case["pattern"]]((128, 128, 128))
        work = "\n".join(f"array[{_index(one)}]" for one in selections)
        return _stored(_OPEN, work, metric)(case)

    return recipe


def _index(selection: tuple[slice | int, ...]) -> str:
    def part(one: slice | int) -> str:
        if isinstance(one, int):
            return str(one)
        ends = ["" if end is None else str(end) for end in (one.start, one.stop)]
        return ":".join([*ends, *([str(one.step)] if one.step else [])])

    return ", ".join(map(part, selection))


def _opening(case: Parameters) -> Recipe:
    if case["what"] != "array":
        raise InputError("there is no script for opening a group: report the case of an array")
    stored = _stored("create(path)", "zarr.open_array(path, mode='r')")
    return stored({"codec": "none", "format": case["format"]})


def _memory(prepare: str, work: str) -> Callable[[Parameters], Recipe]:
    def recipe(case: Parameters) -> Recipe:
        values = "volume" if case.get("values", "tomogram") == "tomogram" else "0"
        stored = _stored(prepare, work.format(values=values))
        return replace(
            stored({"codec": "none", "format": "v2"}),
            empty_chunks=case.get("empty-chunks", "stored"),
        )

    return recipe


_RECIPES: Mapping[str, Callable[[Parameters], Recipe]] = {
    "codec.Chunk.time_encode": _codec_alone("codec.encode(chunk)"),
    "codec.Chunk.time_decode": _codec_alone("codec.decode(encoded)"),
    "codec.Size.track_fraction_of_raw": _codec_alone("return len(encoded)", "bytes"),
    "read.Codecs.time_volume": _stored(_OPEN, "array[...]"),
    "read.Layouts.time_volume": _stored(_OPEN, "array[...]"),
    "read.Patterns.time_read": _pattern("seconds"),
    "read.Opening.time_open": _opening,
    "store.MemoryRead.time_volume": _memory(f"global array\n{_WRITE}", "array[...]"),
    "store.MemoryWrite.time_volume": _memory(
        "global array\narray = create(path)", "array[...] = {values}"
    ),
    "write.Codecs.time_volume": _stored(_CLEAR, _WRITE, prepares_once=False),
    "write.Layouts.time_volume": _stored(_CLEAR, _WRITE, prepares_once=False),
    "size.Codecs.track_bytes_per_voxel": _stored("pass", _STORED, "bytes"),
    "size.Codecs.track_fraction_of_raw": _stored("pass", _STORED, "bytes"),
    "size.Layouts.track_bytes_per_voxel": _stored("pass", _STORED, "bytes"),
    "cost.Reads.track_python_calls": _pattern("calls"),
}
"""What is done by the benchmarks for which there is a script."""


def recipe_of(benchmark: Benchmark, case: str) -> Recipe:
    """Return what a case of a benchmark does.

    Parameters
    ----------
    benchmark : Benchmark
        Which.
    case : str
        In words.

    Raises
    ------
    InputError
        There is no script for this benchmark.
    """
    if benchmark.name not in _RECIPES:
        raise InputError(
            f"there is no script for {benchmark.name}: those with one are "
            f"{', '.join(sorted(_RECIPES))}"
        )
    names: list[str] = benchmark.description["param_names"]
    parameters = zip(names, filter(None, case.split(", ")), strict=True)
    return _RECIPES[benchmark.name](dict(parameters))
