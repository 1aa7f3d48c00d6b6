"""The main job: measure revisions, show what was found, publish the site."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import chdir, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryoet_bench.cli import checkout, consoles, interruption, progress
from cryoet_bench.cli.options import PartRegion, Retry, Subset, Tier, Whole
from cryoet_bench.cli.results import Results
from cryoet_bench.conclusion import INTERRUPTED
from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind, Output, output
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from cryoet_bench.measure.plan import Progress
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.timeline.revisions import Revision, Revisions

RESULTS = Kind("JSON file of results", b'"format": "cryoet-bench-results"')
NEWEST = 3
"""How many releases are measured unless the user says otherwise."""

_console = consoles.for_results()
_aside = consoles.aside()


def bench(
    releases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RELEASE", help="Which, such as zarr-3.1.0; the newest if none is named."
        ),
    ] = None,
    newest: Annotated[
        int | None,
        typer.Option(
            "--releases", "-n", min=1, help=f"How many of the newest releases.  [{NEWEST}]"
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All releases of the line.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="RELEASE", help="This release and all after it.")
    ] = None,
    line: Annotated[
        str, typer.Option(help="A line of 'cryoet-bench timeline list': main, zarr-2, ...")
    ] = "main",
    candidate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="Unreleased code to measure alongside the release that it is based on: a "
            "checkout, a wheel, an sdist, a version, or a requirement such as 'zarr @ git+https://…'.",
        ),
    ] = None,
    tomogram: Annotated[
        str,
        typer.Option(
            help="What to measure on: a name (see 'cryoet-bench tomogram list'), a file, "
            "or portal:DATASET/RUN."
        ),
    ] = DEFAULT_TOMOGRAM,
    subset: Subset = None,
    region: PartRegion = None,
    whole: Whole = False,
    tier: Tier = "core",
    pattern: Annotated[
        str | None,
        typer.Option(
            "--bench", metavar="REGEX", help="Only benchmarks that match, as in asv run --bench."
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Rounds of timed benchmarks; more show smaller changes.  [2]"),
    ] = None,
    retry: Retry = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the site until ctrl-C.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Serve it and open a browser.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every case.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the results as JSON; - prints them."),
    ] = None,
) -> None:
    """Measure releases on a tomogram, and show what changed.

    Interrupt it at any time: it shows what it has so far, and a rerun resumes.

    \b
    scripts/bench                               the three newest releases, on the phantom
    scripts/bench --since zarr-3.0.8 --open     everything since, and the site in a browser
    scripts/bench zarr-2.18.7 zarr-3.1.0        these two
    scripts/bench --candidate ~/zarr-python     unreleased code against the newest release
    scripts/bench --tomogram my_tomogram.mrc    on a tomogram of your own
    scripts/bench --bench read.Patterns         one question
    scripts/bench --rounds 10                   more rounds, to see smaller changes

    The results are kept in results/, in a folder named after this machine.
    """
    root = checkout.project_root()
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.record.record import Record
    from cryoet_bench.tomogram.cache import cache_dir
    from cryoet_bench.tomogram.part import parse_part
    from cryoet_bench.tomogram.sources import obtain

    if sum((bool(releases), newest is not None, everything, since is not None)) > 1:
        raise InputError(
            "releases are chosen in several ways: keep one of their names, --releases, --all and "
            "--since"
        )
    selection = checkout.selected(root, tier, pattern)
    part = parse_part(subset, region, whole)
    results = output(json_file, RESULTS, [tomogram, cache_dir()]) if json_file else None
    revisions = checkout.known_revisions(root)
    with _aside.status("Preparing the candidates ...") if candidate else nullcontext():
        proposed = [checkout.propose(spec, revisions) for spec in candidate or ()]
    revisions = checkout.known_revisions(root)
    if releases:
        chosen = revisions.named(releases)
    elif everything or since:
        chosen = _line(revisions, line, since)
    elif proposed and newest is None:
        chosen = _bases(revisions, proposed)
    else:
        chosen = revisions.last(newest or NEWEST, line)
    chosen = revisions.named([one.name for one in (*chosen, *proposed)])
    fetching = tomogram.startswith("portal:")  # which shows its own progress
    with nullcontext() if fetching else _aside.status(f"Getting the tomogram {tomogram} ..."):
        facts = obtain(tomogram, part=part).facts
    campaign = Campaign(
        root,
        revisions,
        str(facts["name"]),
        Record.of(root),
        selection=selection,
        rounds=rounds,
        retry=retry,
    )
    with chdir(root):
        run(campaign, chosen, facts, verbose=verbose, results=results)
        if serve or show:
            serve_site(open_browser=show)


def _line(revisions: Revisions, line: str, since: str | None) -> list[Revision]:
    """Return the releases of a line that were not withdrawn, all or from one on."""
    chosen = revisions.since(since, line) if since else revisions.releases(line)
    return [one for one in chosen if one.withdrawn is None]


def _bases(revisions: Revisions, proposed: Sequence[Revision]) -> list[Revision]:
    """Return the releases that candidates stand on."""
    bases = [revisions.before(revisions.find(one.name)) for one in proposed]
    return [one for one in bases if one]


def run(
    campaign: Campaign,
    chosen: list[Revision],
    facts: dict[str, Any],
    *,
    verbose: bool = False,
    results: Output | None = None,
) -> None:
    """Measure, publish and show; the working folder is the campaign's root.

    Raises
    ------
    InputError
        No case of any revision could be measured.
    typer.Exit
        The user interrupted it; what is known so far was shown.
    """
    from cryoet_bench.cli import tables
    from cryoet_bench.measure.asv.explorer import publish
    from cryoet_bench.measure.asv.processes import quiet

    if results and results.is_printed:
        _console.stderr = True
    campaign.record.describe_tomogram(facts)
    interrupted = measure(campaign, chosen)
    found = Results.of(campaign, chosen, facts)
    if found.cases.empty or not (found.cases["status"] == "passed").any():
        if interrupted:
            raise typer.Exit(INTERRUPTED)
        reasons = [*campaign.not_installed.values(), *found.cases["reason"], "see above"]
        raise InputError(f"nothing could be measured: {reasons[0]}")
    tables.print_coverage(_console, found, campaign.not_installed)
    tables.print_values(_console, found)
    for before, after, changes in found.comparisons:
        tables.print_changes(_console, before, after, changes, verbose=verbose)
    for stop in campaign.disturbed:
        _console.print(
            f"Disturbed: {stop.revision.label}, round {stop.round}. Something else ran on the "
            "measured core, so these times count only where there are no sound ones: rerun on a "
            f"quiet machine with --rounds {stop.rounds + 1}.",
            markup=False,
            soft_wrap=True,
        )
    if results:
        _write_json(results, found)
    if interrupted:
        _aside.print(interruption.KEPT)
        raise typer.Exit(INTERRUPTED)
    with _aside.status("Publishing the site ..."), quiet():
        folder = publish(campaign.laboratory.configuration, campaign.record, campaign.revisions)
    _console.print(
        f"\nThe site is in {folder}; look at it with: scripts/bench --open", soft_wrap=True
    )


def measure(campaign: Campaign, chosen: list[Revision]) -> bool:
    """Measure what is missing, showing progress; return whether the user interrupted it."""
    return follow(campaign.measure(chosen))


def follow(steps: Iterable[Progress]) -> bool:
    """Take steps, showing progress; return whether the user interrupted them."""
    return interruption.follow(steps, progress.shown(_status))


def _status(now: Progress) -> progress.Status:
    where = f"{now.revision.label}, round {now.round} of {now.rounds}"
    left = f"about {progress.duration(now.seconds_left)} left"
    return progress.Status(where, now.doing, now.fraction, left)


def _write_json(results: Output, found: Results) -> None:
    from cryoet_bench.record.record import coverage

    counts = coverage(found.cases).droplevel(["machine", "tomogram"])
    columns = ["revision", "benchmark", "case", "unit", "status", "value", "rounds", "spread"]
    values = found.cases[[*columns, "grade", "reason"]]
    document = {
        "format": "cryoet-bench-results",
        "tomogram": found.facts,
        "releases": counts.to_dict("index"),
        "values": json.loads(values.to_json(orient="records")),
        "comparisons": [
            {"before": before.name, "after": after.name, "changes": [asdict(c) for c in changes]}
            for before, after, changes in found.comparisons
        ],
    }
    results.write(json.dumps(document, indent=2) + "\n")


def serve_site(*, open_browser: bool) -> None:
    """Serve the site on this machine until ctrl-C; the working folder is the checkout."""
    import webbrowser

    from cryoet_bench.site import serve

    with serve.serve(Path(".asv/html")) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        _console.print(f"Serving it at {url} until ctrl-C.")
        if open_browser:
            webbrowser.open(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _console.print()
