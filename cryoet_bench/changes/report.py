"""Report upstream: a script that reproduces one finding without this project, and an issue's text.

The script needs uv alone: it makes an environment of each release by version and does in it what
the benchmark's case does, spelled out, on a volume like a tomogram that numpy draws.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.codecs import CODECS, COMPRESSORS, Codec
from cryoet_bench.storage.concurrency import CONCURRENCY, THREADS
from cryoet_bench.storage.layouts import LAYOUTS, Layout

if TYPE_CHECKING:
    import jinja2

    from cryoet_bench.changes.finding import ChangedCase, Finding
    from cryoet_bench.timeline.revisions import Revision

SCRIPT = Kind("script of a report", b"# /// script")
ISSUE = Kind("text of an issue", b"<!-- cryoet-bench report -->")
BLOCKS = 6
_DIGITS = 4
"""Of a ratio after the point: a change that they do not show is not worth a report."""

_NO_COMPANION = "no exact companion"
"""How a companion begins that says there is none."""

Metric = Literal["seconds", "calls", "bytes"]
_UNITS: Mapping[Metric, str] = {"seconds": "ms", "calls": "Python calls", "bytes": "bytes"}
_ARRAY_CODEC, _LAYOUT_CODEC, _CODEC_LAYOUT = "blosc-lz4-5", "blosc-zstd-5", "cube-64"
"""What the suite's classes store where their cases do not say (see docs/benchmarks.md)."""


@dataclass(frozen=True)
class Deed:
    """What one case of a benchmark does, as source code.

    Attributes
    ----------
    prepare, work : str
        What comes before, and what is measured.
    metric : {"seconds", "calls", "bytes"}
        What of it.
    keeps : bool
        Whether one preparation serves all samples.
    edge : int
        Of the volume, in voxels.
    codec, layout, zarr_format
        How it is stored; without a layout it is the codec alone.
    empty_chunks : {"left-out", "stored"} or None
        Where it is stored in memory: what becomes of chunks of nothing but the fill value. None
        stands for files, and for what the release does by itself.
    """

    prepare: str
    work: str
    metric: Metric
    keeps: bool
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
    def chosen(self) -> bool:
        """Whether a codec is named."""
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


def _codec_alone(work: str, metric: Metric = "seconds") -> Callable[[Parameters], Deed]:
    def deed(case: Parameters) -> Deed:
        return Deed("pass", work, metric, keeps=True, codec=COMPRESSORS[case["codec"]], edge=64)

    return deed


def _stored(
    prepare: str, work: str, metric: Metric = "seconds", *, keeps: bool = True
) -> Callable[[Parameters], Deed]:
    def deed(case: Parameters) -> Deed:
        layout, _, form = case.get("array", "").partition(" ")
        by_layout = "layout" in case
        codec = case.get("codec", _LAYOUT_CODEC if by_layout else _ARRAY_CODEC)
        chosen = layout or case.get("layout", _CODEC_LAYOUT)
        zarr_format = int((form or case["format"]).removeprefix("v"))
        return Deed(prepare, work, metric, keeps, CODECS[codec], LAYOUTS[chosen], zarr_format)

    return deed


def _pattern(metric: Metric) -> Callable[[Parameters], Deed]:
    def deed(case: Parameters) -> Deed:
        selections = READS[case["pattern"]]((128, 128, 128))
        work = "\n".join(f"array[{_index(one)}]" for one in selections)
        return replace(_stored(_OPEN, work, metric)(case), work=work)

    return deed


def _index(selection: tuple[slice | int, ...]) -> str:
    def part(one: slice | int) -> str:
        if isinstance(one, int):
            return str(one)
        ends = ["" if end is None else str(end) for end in (one.start, one.stop)]
        return ":".join([*ends, *([str(one.step)] if one.step else [])])

    return ", ".join(map(part, selection))


def _opening(case: Parameters) -> Deed:
    if case["what"] != "array":
        raise InputError("there is no script for opening a group: report the case of an array")
    stored = _stored("create(path)", "zarr.open_array(path, mode='r')")
    return stored({"codec": "none", "format": case["format"]})


def _memory(prepare: str, work: str) -> Callable[[Parameters], Deed]:
    def deed(case: Parameters) -> Deed:
        values = "volume" if case.get("values", "tomogram") == "tomogram" else "0"
        stored = _stored(prepare, work.format(values=values))
        return replace(
            stored({"codec": "none", "format": "v2"}),
            empty_chunks=case.get("empty-chunks", "stored"),
        )

    return deed


_DEEDS: Mapping[str, Callable[[Parameters], Deed]] = {
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
    "write.Codecs.time_volume": _stored(_CLEAR, _WRITE, keeps=False),
    "write.Layouts.time_volume": _stored(_CLEAR, _WRITE, keeps=False),
    "size.Codecs.track_bytes_per_voxel": _stored("pass", _STORED, "bytes"),
    "size.Codecs.track_fraction_of_raw": _stored("pass", _STORED, "bytes"),
    "size.Layouts.track_bytes_per_voxel": _stored("pass", _STORED, "bytes"),
    "cost.Reads.track_python_calls": _pattern("calls"),
}
"""What is done by the benchmarks for which there is a script."""


def deed_of(benchmark: Benchmark, case: str) -> Deed:
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
    if benchmark.name not in _DEEDS:
        raise InputError(
            f"there is no script for {benchmark.name}: those with one are "
            f"{', '.join(sorted(_DEEDS))}"
        )
    names: list[str] = benchmark.description["param_names"]
    parameters = zip(names, filter(None, case.split(", ")), strict=True)
    return _DEEDS[benchmark.name](dict(parameters))


@dataclass(frozen=True)
class Report:
    """What is sent upstream.

    Attributes
    ----------
    name : str
        Of its files, without an ending.
    script : str
        The program.
    issue : str
        The text of an issue, in Markdown.
    """

    name: str
    script: str
    issue: str


def report(finding: Finding, benchmark: Benchmark, before: Revision, after: Revision) -> Report:
    """Return the report of a finding, on the case of it that changed most.

    Raises
    ------
    InputError
        There is no script for its benchmark, or the case has no ratio.
    """
    cases = [
        one
        for one in finding.cases
        if one.ratio and round(one.ratio, _DIGITS) != 1 and one.benchmark == benchmark.name
    ]
    if not cases:
        raise InputError(f"{finding.id} has no case with a ratio, so nothing to reproduce")
    most, deed = _first_told(benchmark, cases)
    environment = _templates()
    work = environment.get_template("work.py.j2").render(
        deed=deed, concurrency=CONCURRENCY, threads=THREADS
    )
    name = re.sub(r"[^a-z0-9.-]+", "-", finding.id.lower())
    facts = {
        "sentence": textwrap.fill(_headline(finding), 95),
        "file": f"{name}.py",
        "before": _listing(before.pins),
        "after": _listing(after.pins),
        "ratio": repr(round(most.ratio or 1.0, _DIGITS)),
        "unit": _UNITS[deed.metric],
        "blocks": BLOCKS if deed.metric == "seconds" else 1,
        "work": work.strip(),
    }
    script = environment.get_template("script.py.j2").render(**facts)
    issue = environment.get_template("issue.md.j2").render(
        finding=finding,
        headline=_headline(finding),
        case=most,
        pins=after.pins,
        file=f"{name}.py",
        script=script.strip(),
        value_in_words=value_in_words,
    )
    return Report(name, f"{script.strip()}\n", f"{issue.strip()}\n")


def _first_told(benchmark: Benchmark, cases: Sequence[ChangedCase]) -> tuple[ChangedCase, Deed]:
    """Return the first case that there is a script for, and what it does."""
    problem: InputError | None = None
    for one in cases:
        try:
            return one, deed_of(benchmark, one.case)
        except InputError as error:
            problem = error
    assert problem is not None
    raise problem


def _headline(finding: Finding) -> str:
    """Return the sentence of a finding without what was not found."""
    return finding.sentence.partition(f"; {_NO_COMPANION}")[0]


def _listing(pins: tuple[str, ...]) -> str:
    return "[\n" + "".join(f'    "{pin}",\n' for pin in pins) + "]"


def _templates() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701  (Python and Markdown, from the record's own words)
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
