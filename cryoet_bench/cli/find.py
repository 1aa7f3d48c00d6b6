"""``cryoet-bench find``: the release, or the commit, that changed a benchmark."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryoet_bench.cli import checkout, consoles, interruption
from cryoet_bench.cli.options import Json, Minutes, TomogramName
from cryoet_bench.conclusion import INTERRUPTED
from cryoet_bench.errors import InputError
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryoet_bench.changes.bisection import Place, Step

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
    cryoet-bench find read.Opening --between zarr-2.18.7 zarr-3.0.8 --clone ~/zarr-python

    Of several cases, the one that changed most between the two is followed. Every step is decided
    as 'cryoet-bench confirm' decides; what cannot be measured is skipped and named. Interrupt it at
    any time: a rerun resumes.

    The exit code is 0 when the place was found, 2 when not.
    """
    root = checkout.project_root()
    from cryoet_bench.changes.bisection import Bisection, commits_between, releases_between
    from cryoet_bench.changes.pairing import Budget

    def tell(words: str) -> None:
        _aside.print(words, markup=False, soft_wrap=True)

    if clone and not clone.is_dir():
        raise InputError(f"there is no folder {clone}: name a clone of the package's repository")
    clone = clone and clone.resolve()
    revisions = checkout.known_revisions(root)
    steps = releases_between(revisions, *between)
    bisection = Bisection(checkout.prepared(root, tomogram, pattern), Budget(minutes), tell)
    places: list[Place] = []

    def look(steps: Sequence[Step]) -> Place:
        places.append(bisection.run(steps))
        if not as_json:
            typer.echo(_in_words(places[-1]))
        return places[-1]

    try:
        with chdir(root):
            place = look(steps)
            if clone:
                ends = place.before.revision(), place.after.revision()
                look(commits_between(clone, *ends, lambda spec: checkout.propose(spec, revisions)))
    except KeyboardInterrupt:
        tell(interruption.KEPT)
        raise typer.Exit(INTERRUPTED) from None
    finally:  # the release is known, whatever becomes of the commits
        if as_json:
            typer.echo(json.dumps([_facts(one) for one in places], indent=2))


def _in_words(place: Place) -> str:
    ratio = "" if place.ratio is None else f", {place.ratio:.3g} times"
    text = (
        f"{place.benchmark.title_of(place.case)}{ratio}: changed by {place.after.label} "
        f"(still the same in {place.before.label})"
    )
    if place.skipped:
        text += f"\n  or by one that could not be measured: {', '.join(place.skipped)}"
    return text


def _facts(place: Place) -> dict[str, Any]:
    return {
        "benchmark": place.benchmark.name,
        "case": place.case,
        "ratio": place.ratio,
        "before": place.before.label,
        "after": place.after.label,
        "skipped": place.skipped,
    }
