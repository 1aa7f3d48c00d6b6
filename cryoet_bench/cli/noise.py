"""``cryoet-bench noise``: how small a change this machine can show."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cryoet_bench.cli import checkout, consoles, interruption
from cryoet_bench.cli.options import Pattern, Tier, TomogramName
from cryoet_bench.conclusion import FINDING, INTERRUPTED
from cryoet_bench.files import Kind, Output, output
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from cryoet_bench.measure.noise import MachineNoise
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.timeline.revisions import Revision

FIGURES = Kind("JSON file of noise", b'"format": "cryoet-bench-noise"')
_console = consoles.for_results()
_ARMS = 2


def noise(
    release: Annotated[
        str | None, typer.Argument(metavar="RELEASE", help="Which; the newest if none is named.")
    ] = None,
    tomogram: TomogramName = DEFAULT_TOMOGRAM,
    tier: Tier = "core",
    pattern: Pattern = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds of the times, in each of the two measurements.")
    ] = 2,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the figures there, too; - prints them."),
    ] = None,
) -> None:
    """Show how small a change this machine can detect.

    \b
    cryoet-bench noise                     the newest release, the core tier
    cryoet-bench noise zarr-3.1.0          another release
    cryoet-bench noise --rounds 10         how much more rounds help

    One release is measured twice, in turns. The figures are kept in results/, in the folder of
    this machine. Interrupt it at any time: a rerun resumes. The exit code is 1 when an exact
    value was not the same both times.
    """
    root = checkout.project_root()
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.record.record import Record
    from cryoet_bench.tomogram.cache import cache_dir
    from cryoet_bench.tomogram.sources import obtain

    selection = checkout.selected(root, tier, pattern)
    figures = output(json_file, FIGURES, [tomogram, cache_dir()]) if json_file else None
    revisions = checkout.known_revisions(root)
    chosen = revisions.find(release) if release else revisions.last(1)[0]
    facts = obtain(tomogram).facts
    campaign = Campaign(
        root,
        revisions,
        str(facts["name"]),
        Record(root / ".asv" / "noise"),
        selection=selection,
        rounds=_ARMS * rounds,
        exact_rounds=_ARMS,
        arms=_ARMS,
        retry=True,  # a rerun does not take what failed for done
        origin="cryoet-bench noise",
    )
    with chdir(root):
        found = run(campaign, chosen, tier, figures)
    if found.changed:
        raise typer.Exit(FINDING)


def run(
    campaign: Campaign, revision: Revision, tier: Tier, figures: Output | None = None
) -> MachineNoise:
    """Measure a revision in two arms, keep the figures, show and return them.

    Raises
    ------
    InputError
        Nothing could be measured twice; what failed was printed.
    typer.Exit
        The user interrupted it.
    """
    from cryoet_bench.cli.bench import measure
    from cryoet_bench.measure.machine import identify
    from cryoet_bench.measure.noise import Subject, as_json, compare_arms, keep
    from cryoet_bench.record.record import Record

    if figures and figures.is_printed:
        _console.stderr = True
    # The campaign's own record knows no other machines, which a name must be free of.
    known = Record.of(campaign.root)
    campaign.machine = identify(known)
    campaign.record.describe_machine(campaign.machine, known.machine(campaign.machine))
    if measure(campaign, [revision]):
        _console.print(interruption.KEPT)
        raise typer.Exit(INTERRUPTED)
    _print_failures(campaign, revision)
    subject = Subject(revision.name, campaign.tomogram, tier)
    benchmarks = [campaign.suite[name] for name in campaign.chosen]
    found = compare_arms(subject, benchmarks, campaign.journal(revision))
    if figures:
        figures.write(as_json(found))
    kept = keep(found, known.own / campaign.machine)
    campaign.journal(revision).path.unlink()
    _print(found)
    _console.print(f"The figures are in {kept}.", soft_wrap=True)
    return found


def _print_failures(campaign: Campaign, revision: Revision) -> None:
    """Print what could not be measured, and why."""
    from cryoet_bench.cli import tables

    if reason := campaign.not_installed.get(revision.name):
        _console.print(
            f"  {revision.name}: not measured: {reason}", style="red", markup=False, soft_wrap=True
        )
    cases = campaign.record.cases([revision], machine=campaign.machine, tomogram=campaign.tomogram)
    tables.print_failures(_console, cases)


def _print(found: MachineNoise) -> None:
    if found.spreads:
        _print_times(found)
    if found.exact:
        same = f"{len(found.changed)} of them not the same" if found.changed else "all the same"
        _console.print(
            f"Exact values of {found.subject.release}, measured twice: {found.exact}, {same}."
        )
    for name in found.changed:
        _console.print(f"  not the same twice, though exact: {name}", soft_wrap=True)


def _print_times(found: MachineNoise) -> None:
    from cryoet_bench.measure.noise import NOISY
    from cryoet_bench.record.benchmark import words

    table = Table("benchmark", "spread of two runs", "smallest change to believe", box=None)
    for trust in found.trust():
        smallest = f"{100 * trust.smallest_change:.0f} %"
        table.add_row(trust.benchmark, f"{100 * trust.spread:.1f} %", smallest)
    _console.print(table)
    rounds = "1 round" if found.rounds == 1 else f"{found.rounds} rounds"
    _console.print(
        f"{len(found.spreads)} times of {found.subject.release}, measured twice in "
        f"{rounds} each: they differ by {100 * found.median:.1f} % in the median, "
        f"90 % of them by at most {100 * found.quantile(0.9):.1f} %, and {len(found.noisy())} by "
        f"more than {100 * NOISY:g} %."
    )
    for spread in found.noisy():
        where = f"{spread.benchmark} {words(spread.case)}"
        _console.print(f"  {100 * spread.relative:.0f} %  {where}", soft_wrap=True)
