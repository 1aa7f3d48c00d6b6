"""``cryoet-bench find``: the release, or the commit, that changed a benchmark."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path
from typing import Annotated

import typer

from cryoet_bench.cli import checkout, consoles
from cryoet_bench.cli.options import Json, Minutes, TomogramName
from cryoet_bench.variables import DEFAULT_TOMOGRAM

_aside = consoles.aside()


def find(
    pattern: Annotated[
        str,
        typer.Argument(metavar="BENCHMARK", help="A benchmark or one of its cases, as a REGEX."),
    ],
    between: Annotated[
        tuple[str, str], typer.Option(metavar="BEFORE AFTER", help="Two releases of one line.")
    ],
    clone: Annotated[
        Path | None,
        typer.Option(help="A clone of the package's repository: find the commit, too."),
    ] = None,
    minutes: Minutes = 30.0,
    tomogram: TomogramName = DEFAULT_TOMOGRAM,
    as_json: Json = False,
) -> None:
    """Find the release, or the commit, that changed a benchmark.

    \b
    cryoet-bench find 'codec.Chunk.time_decode.*blosclz' --between numcodecs-0.12.1 numcodecs-0.15.1
    cryoet-bench find read.Opening --between zarr-2.18.7 zarr-3.0.8 --clone ~/src/zarr-python

    Of several cases, the one that changed most between the two is followed. Every step is decided
    as 'cryoet-bench confirm' decides; what cannot be measured is skipped and named. Rerun it to go
    on from what was measured.

    The exit code is 0 when the place was found, 2 when not.
    """
    root = checkout.project_root()
    from cryoet_bench.changes.confirm import Budget
    from cryoet_bench.changes.find import (
        Search,
        commits_between,
        releases_between,
    )

    def tell(words: str) -> None:
        _aside.print(words, markup=False, soft_wrap=True)

    steps = releases_between(checkout.known_revisions(root), *between)
    with chdir(root):
        search = Search(checkout.prepared(root, tomogram, pattern), Budget(minutes), tell)
        place = search.run(steps)
        places = [place]
        if clone:
            ends = place.before.revision(), place.after.revision()
            commits = commits_between(
                clone, *ends, lambda spec: checkout.propose(spec, checkout.known_revisions(root))
            )
            places.append(search.run(commits))
    found = [
        {
            "benchmark": one.benchmark.name,
            "case": one.case,
            "ratio": one.ratio,
            "before": one.before.label,
            "after": one.after.label,
            "skipped": one.skipped,
        }
        for one in places
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in places:
        ratio = "" if one.ratio is None else f", {one.ratio:.3g} times"
        typer.echo(
            f"{one.benchmark.title_of(one.case)}{ratio}: changed by {one.after.label} "
            f"(still the same in {one.before.label})"
        )
        if one.skipped:
            typer.echo(f"  or by one that could not be measured: {', '.join(one.skipped)}")
