"""Do shards save 99.6 % of the files, and flat chunks give a slice four times faster?

    python -m evaluations.study_ladder [--repeats 4]

Both were published of a tomogram: 16-cubes in a shard of 128 against 16-cubes without, and chunks
of 16 x 128 x 128 against 64-cubes, which hold as many voxels. Measures the four on the default
phantom and prints both figures. Exits with 1 where fewer than 99.5 % of the files are saved, or an
xy slice is less than three times faster.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from cryoet_bench.study import campaign
from cryoet_bench.study.matrix import Matrix
from cryoet_bench.study.results import results

LEAST_SAVED, LEAST_FASTER = 0.995, 3.0
TOMOGRAM = "phantom-10A"
_COMMON = {"codec": "blosc-zstd", "level": 5, "shuffle": "byte"}
MATRIX = Matrix.model_validate(
    {
        "title": "the published ladder",
        "edge": 128,
        "access": ["xy-slices", "yz-slices"],
        "block": [
            {**_COMMON, "chunks": [16, 64, [16, 128, 128]]},
            {**_COMMON, "chunks": 16, "shards": 128},
        ],
    }
)


def main() -> int:
    """Measure, print both figures, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=4)
    wanted = MATRIX.model_copy(update={"repeats": parser.parse_args().repeats})
    with tempfile.TemporaryDirectory() as folder:
        plan = campaign.prepare([TOMOGRAM], wanted, Path(folder, "study"))
        found = results(campaign.run(plan))
    rows = found.of(found.subjects[0]).set_index("layout")
    before, after = (rows.loc[layout, "objects"] for layout in ("16", "16 in 128"))
    saved = 1 - after / before
    cube, flat = (rows.loc[layout] for layout in ("64", "16x128x128"))
    faster = cube["xy_slices_s"] / flat["xy_slices_s"]
    slower = flat["yz_slices_s"] / cube["yz_slices_s"]
    print(f"Files: {after:.0f} instead of {before:.0f}, {saved:.1%} fewer (published 99.6%).")
    print(
        f"An xy slice: {1000 * flat['xy_slices_s']:.2f} ms instead of "
        f"{1000 * cube['xy_slices_s']:.2f} ms, {faster:.1f} times faster (published 4); "
        f"a yz slice {slower:.1f} times slower."
    )
    return int(saved < LEAST_SAVED or faster < LEAST_FASTER)


if __name__ == "__main__":
    sys.exit(main())
