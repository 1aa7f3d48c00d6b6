"""Does the best choice hold on a real tomogram, labels, and two phantoms?

    python -m evaluations.study_several [--real FILE]

Measures ten configurations on all four in one study, and prints the winner of each and what one
choice for all costs. Exits with 1 where labels and densities were not told apart or a regret is
negative.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from cryoet_bench.study import campaign
from cryoet_bench.study.matrix import Matrix
from cryoet_bench.study.results import results
from cryoet_bench.study.transfer import transfer
from cryoet_bench.study.uses import use_cases
from cryoet_bench.tomogram.segmentation import segment
from cryoet_bench.tomogram.sources import obtain
from evaluations import REAL

MATRIX = Matrix.model_validate(
    {
        "title": "ten",
        "edge": 128,
        "repeats": 2,
        "access": ["xy-slices", "yz-slices", "patches"],
        "block": [
            {
                "codec": ["blosc-lz4", "blosc-zstd"],
                "level": 5,
                "shuffle": ["none", "byte", "bit"],
                "chunks": 32,
            },
            {"codec": ["zstd", "gzip", "pcodec"], "level": 3, "chunks": 32},
            {"codec": "blosc-zstd", "level": 5, "shuffle": "byte", "chunks": 32, "kept_bits": 8},
        ],
    }
)


def main() -> int:
    """Measure, print the winners, and return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, default=REAL)
    real = parser.parse_args().real
    with tempfile.TemporaryDirectory() as where:
        labels = Path(where, "labels.npy")
        np.save(labels, segment(obtain("phantom-10A").data, "uint16"))
        sources = [str(real), str(labels), "phantom-10A", "phantom-4.99A"]
        plan = campaign.prepare(sources, MATRIX, Path(where, "study"))
        found = results(campaign.run(plan))
    kinds = [subject.labels for subject in found.subjects]
    shared = transfer(found, list(use_cases().values()))
    table = Table("use", "volumes", "one choice for all", "winners", "regret")
    for one in shared.shared:
        winners = "\n".join(f"{name}: {choice}" for name, choice in one.winners.items())
        regret = "\n".join(f"{name}: {value:.1%}" for name, value in one.regret.items())
        table.add_row(one.use, one.kind, one.choice, winners, regret)
    Console(width=150).print(table)
    print("\n".join(shared.sentences))
    negative = any(value < 0 for one in shared.shared for value in one.regret.values())
    return int(kinds != [False, True, False, False] or negative)


if __name__ == "__main__":
    sys.exit(main())
