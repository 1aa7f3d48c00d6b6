"""Does the phantom at 4.99 angstrom give the ratios that were published of a real tomogram?

    python -m evaluations.study_published [--repeats 3]

Measures the six published configurations (TS_100_3 of the CryoET Data Portal, a 256-cube in chunks
of 128, format 2) as a study, and lays the figures side by side. Exits with 1 where a ratio is more
than 2 % off or the ranking by ratio differs. Times are of other machines: their rankings are
compared in words.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cryoet_bench.study import campaign
from cryoet_bench.study.matrix import Matrix
from cryoet_bench.study.results import results

BAR = 0.02
TOMOGRAM = "phantom-4.99A"

PUBLISHED = {
    "blosc-zstd-3-byteshuffle 128 v2": (1.16905, 0.041, 0.017),
    "blosc-zstd-5-byteshuffle 128 v2": (1.18546, 0.076, 0.014),
    "blosc-lz4-3-byteshuffle 128 v2": (1.09472, 0.031, 0.016),
    "blosc-lz4-5-byteshuffle 128 v2": (1.11827, 0.029, 0.011),
    "zstd-3 128 v2": (1.07704, 0.07, 0.055),
    "none 128 v2": (1.0, 0.023, 0.015),
}
"""Ratio, seconds of a write and of a read, of a laptop."""

MATRIX = Matrix.model_validate(
    {
        "title": "the published table",
        "edge": 256,
        "access": ["xy-slices"],
        "block": [
            {
                "codec": ["blosc-zstd", "blosc-lz4"],
                "level": [3, 5],
                "shuffle": "byte",
                "chunks": 128,
                "format": 2,
            },
            {"codec": "zstd", "level": 3, "chunks": 128, "format": 2},
            {"codec": "none", "chunks": 128, "format": 2},
        ],
    }
)


def rank(values: dict[str, float]) -> list[str]:
    """Return names by value, the largest first."""
    return sorted(values, key=lambda name: -values[name])


def main() -> int:
    """Measure, print both tables, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    wanted = MATRIX.model_copy(update={"repeats": parser.parse_args().repeats})
    with tempfile.TemporaryDirectory() as folder:
        plan = campaign.prepare([TOMOGRAM], wanted, Path(folder, "study"))
        found = results(campaign.run(plan))
    rows = found.of(found.subjects[0])
    table = Table("configuration", "ratio", "(published)", "off by")
    for column in ("write, s", "(published)", "read, s", "(published)"):
        table.add_column(column)
    worst = 0.0
    for name, (ratio, write, read) in PUBLISHED.items():
        row = rows.loc[name]
        off = row["ratio"] / ratio - 1
        worst = max(worst, abs(off))
        times = [f"{row['write_s']:.3f}", f"{write:.3f}", f"{row['read_s']:.3f}", f"{read:.3f}"]
        table.add_row(name, f"{row['ratio']:.5f}", f"{ratio:.5f}", f"{off:+.2%}", *times)
    Console(width=140).print(table)
    ours = {name: float(rows.loc[name, "ratio"]) for name in PUBLISHED}
    theirs = {name: values[0] for name, values in PUBLISHED.items()}
    same = rank(ours) == rank(theirs)
    print(f"Largest deviation of a ratio: {worst:.2%} (bar {BAR:.0%}).")
    print(f"Ranking by ratio: {'identical' if same else 'differs'}.")
    for number, (column, what) in enumerate((("write_s", "write"), ("read_s", "read")), 1):
        mine = rank({name: -float(rows.loc[name, column]) for name in PUBLISHED})
        other = rank({name: -values[number] for name, values in PUBLISHED.items()})
        print(f"Fastest to {what} first, here: {', '.join(mine)}.")
        print(f"  published: {', '.join(other)}.")
    return int(worst > BAR or not same)


if __name__ == "__main__":
    sys.exit(main())
