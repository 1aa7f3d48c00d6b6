"""The main job: measure releases, publish the site, print what changed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind, Output, output

if TYPE_CHECKING:
    from cryoet_bench.changes.comparison import Change
    from cryoet_bench.measure.run import Campaign, Progress
    from cryoet_bench.timeline.releases import Release

TABLE = Kind("JSON table of releases", b'"format": "cryoet-bench-changes"')
DEFAULT_TOMOGRAM = "phantom-10A"
_SHOWN = 25
_console = Console(highlight=False)
_aside = Console(stderr=True, highlight=False)
if not _console.is_terminal:
    _console.width = 140  # a table in a file or a pipe has no edge to fold at


def bench(  # noqa: PLR0913, PLR0917  (each is an option of the command)
    releases: Annotated[
        list[str] | None,
        typer.Argument(
            help="Releases to measure, such as zarr-3.1.0; the newest if none is named."
        ),
    ] = None,
    newest: Annotated[
        int, typer.Option("--releases", "-n", min=1, help="How many of the newest releases.")
    ] = 3,
    everything: Annotated[bool, typer.Option("--all", help="The whole timeline.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="RELEASE", help="This release and all after it.")
    ] = None,
    tomogram: Annotated[
        str,
        typer.Option(
            help="What to measure on: a name (see 'cryoet-bench tomogram list'), a file, "
            "or portal:DATASET/RUN."
        ),
    ] = DEFAULT_TOMOGRAM,
    tier: Annotated[str, typer.Option(help="Which benchmarks: core, or full.")] = "core",
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Rounds of timed benchmarks; more see smaller changes."),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Measure again what failed.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the site until ctrl-C.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Serve it and open a browser.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every case.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the table there as JSON; - prints it."),
    ] = None,
) -> None:
    """Measure releases of zarr and numcodecs on a tomogram, and show what changed.

    Interrupt it and run it again: nothing is lost, and nothing is measured twice.

    \b
    scripts/bench                               the three newest releases, on the phantom
    scripts/bench --since zarr-3.0.8 --open     everything since, and the site in a browser
    scripts/bench zarr-2.18.7 zarr-3.1.0        these two
    scripts/bench --tomogram my_tomogram.mrc    on a tomogram of your own
    scripts/bench --rounds 10                   more rounds, to see smaller changes

    The results are kept in results/, in a folder named after this machine.
    """  # noqa: D301  (click's mark of a paragraph that keeps its lines)
    from cryoet_bench.measure.run import Campaign  # noqa: PLC0415
    from cryoet_bench.timeline.releases import load  # noqa: PLC0415
    from cryoet_bench.tomogram.cache import cache_dir  # noqa: PLC0415
    from cryoet_bench.tomogram.sources import obtain  # noqa: PLC0415

    table = output(json_file, TABLE, [tomogram, cache_dir()]) if json_file else None
    root, timeline = project_root(), load()
    if releases:
        chosen = timeline.named(releases)
    elif everything:
        chosen = list(timeline.releases)
    else:
        chosen = timeline.since(since) if since else timeline.last(newest)
    fetching = tomogram.startswith("portal:")  # which tells its own progress
    with nullcontext() if fetching else _aside.status(f"Getting the tomogram {tomogram} ..."):
        volume = obtain(tomogram)
    facts = {
        "name": volume.name,
        "source": volume.source,
        "shape": list(volume.shape),
        "dtype": str(volume.dtype),
        "voxel_spacing": volume.voxel_spacing,
        "sha256": volume.sha256,
    }
    del volume
    campaign = Campaign(root, timeline, str(facts["name"]), tier=tier, rounds=rounds, retry=retry)
    with chdir(root):
        run(campaign, chosen, facts, verbose=verbose, table=table)
        if serve or show:
            serve_site(root / str(campaign.configuration.html_dir), open_browser=show)


def project_root() -> Path:
    """Return the checkout that this package is installed from.

    Raises
    ------
    InputError
        The package is installed without the benchmarks.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "asv.conf.json").exists():
        raise InputError(
            f"there are no benchmarks beside {root / 'cryoet_bench'}: "
            "clone the project with git and run scripts/bench there"
        )
    return root


def run(
    campaign: Campaign,
    chosen: list[Release],
    facts: dict[str, Any],
    *,
    verbose: bool = False,
    table: Output | None = None,
) -> None:
    """Measure, publish and tell; the working folder is the campaign's root.

    Raises
    ------
    InputError
        No case of any release could be measured.
    """
    from cryoet_bench.changes.comparison import compare  # noqa: PLC0415
    from cryoet_bench.site import build as site  # noqa: PLC0415

    if table and table.is_printed:
        _console.stderr = True
    measure(campaign, chosen)
    coverage = {release.tag: campaign.coverage(release) for release in chosen}
    if not any(counts["passed"] for counts in coverage.values()):
        reasons = [*campaign.not_installed.values(), *campaign.failures(chosen), "see above"]
        raise InputError(f"nothing could be measured: {reasons[0]}")
    site.record_tomogram(campaign.results_dir, facts)
    with _aside.status("Publishing the site ..."):
        folder = site.publish(campaign.configuration)
    measured = [release for release in chosen if coverage[release.tag]["passed"]]
    changes: list[Change] = []
    if len(measured) > 1:
        journals = [campaign.journal(release) for release in measured[-2:]]
        changes = compare(campaign.benchmarks.values(), journals[0], journals[1])
    _print_coverage(campaign, chosen, coverage, facts)
    if changes:
        _print_changes(changes, measured[-2], measured[-1], verbose=verbose)
    elif len(chosen) > 1:
        _console.print("Only one release could be measured: there is nothing to compare.")
    if table:
        _write_json(table, facts, coverage, measured, changes)
    _console.print(
        f"\nThe site is in {folder}; look at it with: scripts/bench --open", soft_wrap=True
    )


def measure(campaign: Campaign, chosen: list[Release]) -> None:
    """Measure what is missing, telling what is done; an interruption is explained."""
    try:
        with _terminated_like_ctrl_c(), _progress_display() as tell:
            for progress in campaign.measure(chosen):
                tell(progress)
    except KeyboardInterrupt:
        _aside.print(
            "\nInterrupted. What was measured is kept: run the same command again to go on."
        )
        raise typer.Exit(130) from None


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress_display() -> Iterator[Any]:
    """Yield what shows progress: a bar on a terminal, elsewhere a line for each visit."""
    from rich import progress as display  # noqa: PLC0415

    if not _aside.is_terminal:
        last = ["", 0]

        def say(now: Progress) -> None:
            if last != [now.release.tag, now.round]:
                last[:] = [now.release.tag, now.round]
                _aside.print(f"{_where(now)}, {_left(now.seconds_left)}")

        yield say
        return
    columns = [
        display.TextColumn("{task.fields[where]}", style="bold"),
        display.BarColumn(),
        display.TextColumn("{task.percentage:3.0f} %, {task.fields[left]}\n  {task.description}"),
    ]
    with display.Progress(*columns, console=_aside, transient=True) as bar:
        task = bar.add_task("Finding the benchmarks", total=1.0, where="", left="")

        def show(now: Progress) -> None:
            bar.update(
                task,
                completed=now.fraction,
                description=now.doing,
                where=_where(now),
                left=_left(now.seconds_left),
            )

        yield show


def _where(progress: Any) -> str:
    return f"{progress.release.label}, round {progress.round} of {progress.rounds}"


def _left(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(5, 5 * round(seconds / 5))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


def _print_coverage(
    campaign: Campaign,
    chosen: list[Release],
    coverage: dict[str, dict[str, int]],
    facts: dict[str, Any],
) -> None:
    from rich.table import Table  # noqa: PLC0415

    size = " x ".join(map(str, facts["shape"]))
    synthetic = "synthetic, " if facts["source"] == "synthetic" else ""
    _console.print(f"\nMeasured on {facts['name']} ({synthetic}{size} {facts['dtype']})\n")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("release", "uploaded"):
        table.add_column(heading)
    for heading in ("passed", "n/a", "failed"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for release in chosen:
        counts = coverage[release.tag]
        note = campaign.not_installed.get(release.tag, "")
        note = f"not measured: {note}" if note else ""
        if not note and release.broken:
            note = f"broken upstream: {release.broken}"
        numbers = [str(counts[status]) for status in ("passed", "n/a", "failed")]
        table.add_row(release.label, f"{release.date:%Y-%m-%d}", *numbers, note)
    _console.print(table)
    for release in chosen:
        for reason, count in campaign.failures([release]).items():
            _console.print(
                f"  {release.label}: {count} failed: {reason}",
                style="red",
                markup=False,
                soft_wrap=True,
            )


def _print_changes(
    changes: list[Change], before: Release, after: Release, *, verbose: bool
) -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("benchmark")
    table.add_column("case")
    for heading in (before.label, after.label, "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("")
    outstanding = [change for change in changes if change.stands_out]
    shown = changes if verbose else outstanding[:_SHOWN]
    for change in shown:
        table.add_row(
            change.title,
            change.case,
            _value(change.before, change.unit),
            _value(change.after, change.unit),
            _ratio(change),
            _verdict(change),
        )
    _console.print(f"\n{after.label} against {before.label}")
    if shown:
        _console.print(table)
    else:
        _console.print("Nothing stands out of the noise.")
    counts = {verdict: sum(c.verdict == verdict for c in changes) for verdict in _FOLDED}
    folded = [f"{counts[verdict]} {words}" for verdict, words in _FOLDED.items() if counts[verdict]]
    more = [f"{len(outstanding) - _SHOWN} more that stand out"] if len(outstanding) > _SHOWN else []
    if not verbose and (more or folded):
        _console.print(
            f"Not listed: {', '.join(more + folded)} "
            "(--verbose lists them, --rounds N measures more)."
        )
    drifted = [change for change in changes if change.is_control and change.stands_out]
    if drifted:
        _console.print(
            "[yellow]Controls stand out too, and no release can change those: the machine itself "
            "was faster or slower meanwhile, so believe times less.[/yellow]"
        )


_FOLDED = {
    "same": "do not stand out of the noise",
    "unclear": "with not enough rounds to tell",
    "n/a": "not available on one of the two",
}


def _verdict(change: Change) -> str:
    words = {
        "worse": "[red]worse[/red]",
        "better": "[green]better[/green]",
        "failed": "[red]failed[/red]",
    }
    words |= {"unclear": "not enough rounds to tell", "same": "within the noise"}
    if change.verdict == "same" and change.interval is None:
        return "the same"
    return words.get(change.verdict, change.verdict)


def _ratio(change: Change) -> str:
    if change.ratio is None:
        return ""
    if change.interval is None:
        return f"{change.ratio:.4g}"
    low, high = change.interval
    return f"{change.ratio:.3f} ({low:.2f}-{high:.2f})"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit != "seconds":
        return f"{value:.4g} {unit}".strip()
    scale, name = next(((s, n) for s, n in ((1, "s"), (1e-3, "ms")) if value >= s), (1e-6, "us"))
    return f"{value / scale:.3g} {name}"


def _write_json(
    table: Output,
    facts: dict[str, Any],
    coverage: dict[str, dict[str, int]],
    measured: list[Release],
    changes: list[Change],
) -> None:
    compared = [release.tag for release in measured[-2:]] if changes else []
    document = {
        "format": "cryoet-bench-changes",
        "tomogram": facts,
        "releases": coverage,
        "compared": compared,
        "changes": [asdict(change) for change in changes],
    }
    table.write(json.dumps(document, indent=2) + "\n")


def serve_site(folder: Path, *, open_browser: bool) -> None:
    """Serve the site on this machine until ctrl-C."""
    import webbrowser  # noqa: PLC0415

    from cryoet_bench.site import build as site  # noqa: PLC0415

    with site.serve(folder) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        _console.print(f"Serving it at {url} until ctrl-C.")
        if open_browser:
            webbrowser.open(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _console.print()
