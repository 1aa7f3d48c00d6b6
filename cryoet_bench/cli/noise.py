"""How much of a ratio to believe on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cryoet_bench.files import Kind, Output, output

if TYPE_CHECKING:
    from cryoet_bench.measure.noise import Noise
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.timeline.releases import Release

FIGURES = Kind("JSON file of noise", b'"format": "cryoet-bench-noise"')
_console = Console(highlight=False)


def noise(
    release: Annotated[
        str | None, typer.Argument(help="Which release; the newest if none is named.")
    ] = None,
    tomogram: Annotated[str, typer.Option(help="What to measure on.")] = "phantom-10A",
    tier: Annotated[str, typer.Option(help="Which benchmarks: core, or full.")] = "core",
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of timed benchmarks.")] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the figures there, too; - prints them."),
    ] = None,
) -> None:
    """Measure one release twice, and say how small a change each benchmark can show here.

    \b
    cryoet-bench noise                     the newest release, the core tier
    cryoet-bench noise zarr-3.1.0          another release
    cryoet-bench noise --rounds 10         how much more rounds help

    It takes twice as long as measuring a release, and its figures are kept in results/, in the
    folder of this machine. Interrupt it and rerun it to resume. The exit code
    is 1 when an exact value was not the same twice.
    """  # noqa: D301  (click's mark of a paragraph that keeps its lines)
    from cryoet_bench.cli.bench import project_root  # noqa: PLC0415
    from cryoet_bench.measure.run import Campaign  # noqa: PLC0415
    from cryoet_bench.timeline.releases import load  # noqa: PLC0415
    from cryoet_bench.tomogram.cache import cache_dir  # noqa: PLC0415
    from cryoet_bench.tomogram.sources import obtain  # noqa: PLC0415

    figures = output(json_file, FIGURES, [tomogram, cache_dir()]) if json_file else None
    root, timeline = project_root(), load()
    chosen = timeline.named([release])[0] if release else timeline.last(1)[0]
    name = obtain(tomogram).name
    with chdir(root):
        found = run(
            lambda: Campaign(root, timeline, name, tier=tier, rounds=rounds), chosen, figures
        )
    if found.changed:
        raise typer.Exit(1)


def run(new: Callable[[], Campaign], release: Release, figures: Output | None = None) -> Noise:
    """Measure a release in two campaigns, keep the figures, tell and return them.

    Raises
    ------
    InputError
        Nothing could be measured twice.
    """
    from cryoet_bench.cli.bench import measure  # noqa: PLC0415
    from cryoet_bench.measure.noise import Subject, as_json, compare_runs, keep  # noqa: PLC0415

    if figures and figures.is_printed:
        _console.stderr = True
    usual = new()
    folder = usual.root / ".asv" / "noise"
    journals = []
    for which in ("first", "second"):
        campaign = new()
        campaign.configuration.results_dir = str(folder / which)
        _console.print(f"The {which} run of {release.tag}:")
        measure(campaign, [release])
        journals.append(campaign.journal(release))
    subject = Subject(release.tag, campaign.tomogram, campaign.tier)
    found = compare_runs(subject, campaign.benchmarks.values(), *journals)
    if figures:
        figures.write(as_json(found))
    kept = keep(found, usual.results_dir / usual.machine.machine)
    shutil.rmtree(folder)
    _print(found)
    _console.print(f"The figures are in {kept}.", soft_wrap=True)
    return found


def _print(found: Noise) -> None:
    from cryoet_bench.measure.noise import RESTLESS  # noqa: PLC0415

    table = Table("benchmark", "spread of two runs", "smallest change to believe", box=None)
    for trust in found.trust():
        table.add_row(trust.benchmark, f"{trust.spread:.1%}", f"{trust.smallest_change:.0%}")
    _console.print(table)
    _console.print(
        f"{len(found.spreads)} times of {found.subject.release}, measured twice: they differ by "
        f"{found.median:.1%} in the median, and {len(found.restless())} of them by more than "
        f"{RESTLESS:.0%}."
    )
    for spread in found.restless():
        case = ", ".join(value.strip("'\"") for value in spread.case)
        _console.print(f"  {spread.relative:.0%}  {spread.benchmark} {case}", soft_wrap=True)
    for name in found.changed:
        _console.print(f"  not the same twice, though exact: {name}", soft_wrap=True)
