"""Options and arguments that several commands share."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from cryoet_bench.record import benchmark

TomogramName = Annotated[
    str, typer.Option(help="What to measure on: a name, a file, or portal:DATASET/RUN.")
]
Subset = Annotated[
    int | None,
    typer.Option(
        metavar="EDGE",
        help="Of a file: a box of at most EDGE voxels a side, near the centre.  "
        "[256 of a large file]",
    ),
]
PartRegion = Annotated[
    str | None,
    typer.Option(metavar="z0:z1,y0:y1,x0:x1", help="Of a file: this part of it, in voxels."),
]
Whole = Annotated[
    bool, typer.Option("--whole", help="Of a file: all of it, even of more than 256^3 voxels.")
]

Tier = Annotated[
    benchmark.Tier, typer.Option(help="Which cases: the usual ones (core), or all (full).")
]
Pattern = Annotated[
    str | None,
    typer.Option("--bench", metavar="REGEX", help="Only benchmarks that match.  [the core tier]"),
]


Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        help="Measure again what failed, and what was n/a because the machine lacked a program, "
        "such as valgrind.",
    ),
]


def _finite(minutes: float) -> float:
    if not math.isfinite(minutes):
        raise typer.BadParameter(f"{minutes} is no time: give minutes such as 10")
    return minutes


Minutes = Annotated[
    float,
    typer.Option(min=0.1, callback=_finite, help="How long it may take, installation included."),
]
Margin = Annotated[str, typer.Option(help="The difference that does not matter.")]
MARGIN = "3%"
"""What it is unless the user says otherwise."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
