"""Run the command line on inputs that people in the field have met, and hold it against the answer.

Usage: python -m evaluations.field CASES.py [NAME ...]

CASES.py makes the inputs (``python CASES.py FOLDER``) and states the right answer of each in a
docstring; this file states the same answers as code. Prints right or wrong for each case, with what
was wrong, and exits with 1 when anything was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluations import ROOT

_START = "import sys; from cryoet_bench.cli import main; sys.exit(main())"
# What a mask must not be taken for.
_INVENTED = {
    "hot-voxels", "many-outliers", "quantised", "coarse-steps", "half-precision-subnormals",
    "clipped", "gradient", "spread-gradient",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a command said."""

    code: int
    text: str
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """One sentence and exit code 2."""
        return self.code == 2 and "Traceback" not in self.text

    def says(self, *words: str) -> bool:
        """Tell whether all words occur in what was printed, wherever its lines break."""
        text = " ".join(self.text.split()).lower()
        return all(word.lower() in text for word in words)

    def check(self, key: str) -> dict[str, Any]:
        """Return one check of a report."""
        return next((one for one in self.report.get("checks", ()) if one["key"] == key), {})

    @property
    def findings(self) -> set[str]:
        """Names of all defects that were found."""
        return {one["finding"] for one in self.report.get("checks", ()) if one.get("finding")}

    @property
    def measures(self) -> dict[str, Any]:
        """The report's numbers."""
        found: dict[str, Any] = self.report.get("measures", {})
        return found


class Commands:
    """The command line, in the folder of the inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str) -> Run:
        """Run a command and return what it said, its report too where it writes one."""
        written = self.folder / "report.json"
        written.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", _START, *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "CRYOET_BENCH_CACHE": str(self.folder / "cache"),
                "COLUMNS": "400",
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads(written.read_text("utf-8")) if written.exists() else {}
        return Run(done.returncode, done.stdout + done.stderr, report)

    def qc(self, source: str) -> Run:
        """Judge one volume."""
        return self.run("qc", source, "--json", "report.json")

    def verify(self, reference: str, copy: str, profile: str = "archival") -> Run:
        """Compare two volumes."""
        return self.run("verify", reference, copy, "--profile", profile, "--json", "report.json")

    def add(self, source: str) -> Run:
        """Add a file to the cache."""
        done = self.run("tomogram", "add", source, "--json")
        start = done.text.find("{")
        report = json.loads(done.text[start : done.text.rindex("}") + 1]) if done.code == 0 else {}
        return Run(done.code, done.text, report)


Findings = Iterator[tuple[str, bool]]


def ngff_five_axes(do: Commands) -> Findings:
    """Expect that axes of length one are looked through by verify."""
    for name in ("FIVE.zarr", "FOUR.zarr", "WHOLE.zarr"):
        yield f"verify {name} exits 0", do.verify("FIVE.mrc", name).code == 0


def tiff_declares_more_planes(do: Commands) -> Findings:
    """Expect that 8 planes are missed, not invented."""
    for run in (do.qc("more.ome.tif"), do.add("more.ome.tif")):
        shape = run.measures.get("shape") or run.report.get("shape") or [16]
        refused = run.refused and run.says("16", "24")
        yield "refused as incomplete, or 16 slices", refused or (run.code < 2 and shape[0] == 16)


def mrc_unsigned_bytes(do: Commands) -> Findings:
    """Expect that IMOD's bytes are unsigned."""
    statistics = do.qc("unsigned.mrc").measures.get("statistics", {})
    yield "values 0 to about 230", statistics.get("minimum", -1) >= 0
    yield "mean about 127", abs(statistics.get("mean", 0) - 127) < 5
    run = do.verify("unsigned.mrc", "unsigned.tif", "analysis")
    yield "verify: no loss", run.measures.get("bit_exact") is True


def zarr_stale_consolidated_metadata(do: Commands) -> Findings:
    """Expect that all 64 slices are looked at, or the disagreement is named."""
    run = do.qc("stale.zarr")
    yield "64 slices", (run.measures.get("shape") or [0])[0] == 64 or run.says("consolidated")
    run = do.add("stale.zarr")
    yield "add: 64 slices", (run.report.get("shape") or [0])[0] == 64 or run.says("consolidated")


def zarr_keys_elsewhere(do: Commands) -> Findings:
    """Expect that chunks under other keys never read as zeros."""
    for run in (do.qc("nested.zarr"), do.add("nested.zarr"), do.verify("nested.zarr", "lost.zarr")):
        yield "refused, with both keys", run.refused and run.says("0.0.0", "0/0/0")


def zarr_lost_chunk(do: Commands) -> Findings:
    """Expect that a chunk that is not there is named by all three commands."""
    yield "add names it", do.add("lost.zarr").says("1 of 8 chunks")
    yield "verify names it", do.verify("lost.zarr", "lost.zarr").says("not in the store")
    yield "qc names it", do.qc("lost.zarr").says("(1, 0, 1)")


def zarr_unwritten_fill(do: Commands) -> Findings:
    """Expect that chunks of fill may be unwritten."""
    run = do.verify("sparse.mrc", "sparse.zarr", "visualisation")
    yield "verify exits 0", run.code == 0
    sentence = do.qc("sparse.zarr").check("stored-chunks").get("sentence", "")
    both = "unwritten" in sentence and "lost" in sentence and "cannot tell" in sentence
    yield "unwritten or lost, which the store cannot tell apart", both


def mrc_partly_masked(do: Commands) -> Findings:
    """Expect that a mask is named, and nothing is invented about what lies inside."""
    for name in ("zeros45.mrc", "zeros48.mrc", "masked.mrc", "padded.mrc"):
        run = do.qc(name)
        named = any(run.says(word) for word in ("mask", "padd", "filled", "border"))
        yield f"{name}: the mask is named", named
        invented = run.findings & _INVENTED
        yield f"{name}: invented {', '.join(sorted(invented)) or 'nothing'}", not invented


def mrc_stack_spacing(do: Commands) -> Findings:
    """Expect that an image stack has no edge along z."""
    run = do.qc("stack.mrc")
    spacing = run.measures.get("voxel_spacing") or [None] * 3
    yield "10 along x and y", spacing[1:] == [10, 10]
    word = run.check("voxel-spacing")
    yield "z unknown or warned of", spacing[0] is None or word.get("verdict") == "warn"


def ometiff_physical_size(do: Commands) -> Findings:
    """Expect that PhysicalSize is read along each axis."""
    yield "20, 10, 10", do.qc("size.ome.tif").measures.get("voxel_spacing") == [20, 10, 10]
    yield "add: 20, 10, 10", do.add("size.ome.tif").report.get("voxel_spacing") == [20, 10, 10]


def mrc_odd_headers(do: Commands) -> Findings:
    """Expect that odd headers are read, or refused with the true cause."""
    causes = {"stamp.mrc": "stamp", "no_map.mrc": "map", "mode101.mrc": "101"}
    for name, word in causes.items():
        for run in (do.qc(name), do.add(name)):
            read = run.code < 2 and bool(run.report)
            yield f"{name}: read or its cause", read or (run.refused and run.says(word))
            yield f"{name}: not called truncated", not run.says("truncated")
    run = do.add("dropped_extension.mrc")
    yield "dropped_extension.mrc", run.says("extended header")


def ngff_containers(do: Commands) -> Findings:
    """Expect that an image one level down is read or named; a segmentation is called one."""
    run = do.qc("bf2raw.zarr")
    yield "bf2raw.zarr", run.code < 2 or run.says("bf2raw.zarr/0")
    yield "labels names membrane", do.qc("labels.zarr/labels").says("labels/membrane")
    yield "segmentation", do.qc("labels.zarr/labels/membrane").says("segmentation")


def tiff_thumbnail_first(do: Commands) -> Findings:
    """Expect that the stack behind a thumbnail is found."""
    for run in (do.qc("thumbnail.tif"), do.add("thumbnail.tif")):
        shape = run.measures.get("shape") or run.report.get("shape")
        yield "the stack, or two series", shape == [48, 64, 80] or run.says("2 series")


def mrc_one_volume_stack(do: Commands) -> Findings:
    """Expect that a stack of one volume is that volume."""
    yield "qc", do.qc("one.mrc").measures.get("shape") == [48, 64, 80]
    yield "add", do.add("one.mrc").report.get("shape") == [48, 64, 80]


def mrc_default_spacing(do: Commands) -> Findings:
    """Expect that one angstrom is doubted."""
    check = do.qc("default.mrc").check("voxel-spacing")
    yield "a warning", check.get("verdict") == "warn" and "unknown" in check.get("sentence", "")


def constant_volumes(do: Commands) -> Findings:
    """Expect that equal constants are equal, others are not."""
    for profile in ("archival", "analysis", "visualisation"):
        yield f"c1 c2 {profile}", do.verify("c1.tif", "c2.tif", profile).code == 0
        yield f"c1 c3 {profile}", do.verify("c1.tif", "c3.tif", profile).code == 1


def zarr_zipped(do: Commands) -> Findings:
    """Expect that a zipped Zarr is read, or named."""
    run = do.qc("zipped.zarr.zip")
    yield "read, or a zipped Zarr", run.code < 2 or run.says("zip")
    yield "not called nothing", not run.says("neither MRC, TIFF nor Zarr")


def ngff_scale_elsewhere(do: Commands) -> Findings:
    """Expect that a scale that lies elsewhere is unknown; a newer version is read or named."""
    run = do.qc("path.zarr")
    yield "path.zarr: read", run.measures.get("shape") == [48, 64, 80]
    yield "path.zarr: unknown", bool(run.report) and run.measures.get("voxel_spacing") is None
    run = do.qc("rfc5.zarr")
    ten = run.measures.get("voxel_spacing") == [10, 10, 10]
    yield "rfc5.zarr: 10 angstrom, or the version", ten or run.says("0.6")


CASES: dict[str, Callable[[Commands], Findings]] = {
    case.__name__: case
    for case in (
        ngff_five_axes, tiff_declares_more_planes, mrc_unsigned_bytes,
        zarr_stale_consolidated_metadata, zarr_keys_elsewhere, zarr_lost_chunk,
        zarr_unwritten_fill, mrc_partly_masked, mrc_stack_spacing, ometiff_physical_size,
        mrc_odd_headers, ngff_containers, tiff_thumbnail_first, mrc_one_volume_stack,
        mrc_default_spacing, constant_volumes, zarr_zipped, ngff_scale_elsewhere,
    )
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Make the inputs, run the cases and print the table."""
    if not arguments or not Path(arguments[0]).is_file():
        print("usage: python -m evaluations.field CASES.py [NAME ...]", file=sys.stderr)
        return 2
    chosen = arguments[1:] or list(CASES)
    unknown = sorted(set(chosen) - CASES.keys())
    if unknown:
        print(f"no case named {', '.join(unknown)}: there are {', '.join(CASES)}", file=sys.stderr)
        return 2
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = Path(arguments[0]).resolve()
        # lost.zarr is what another case is compared with.
        made = [*chosen, *({"zarr_lost_chunk"} - {*chosen})]
        subprocess.run(
            [sys.executable, "-W", "ignore", script, folder, *made],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for case in chosen:
            failed = [what for what, right in CASES[case](Commands(folder)) if not right]
            wrong += bool(failed)
            print(f"{'wrong' if failed else 'right'}  {case}  {'; '.join(failed)}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} cases are right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
