"""Does the interval of `cryoet-bench confirm` hold as often as it says?

    python -m evaluations.honest_interval --measure 3      measure for three minutes, and resample
    python -m evaluations.honest_interval                  resample what was measured so far

One release stands in both environments, so nothing differs between A and B. Real blocks of fresh
processes are kept below .asv/honest and added to by each run. From them confirmations are
resampled: blocks drawn with replacement, sides exchanged by lot, each judged after every block
until it has a verdict or 60 blocks. The same blocks with a slowdown multiplied in show how soon
that is found. Exits with 1 when more than 1 % of the confirmations without a change say "changed".
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path

from cryoet_bench.changes import sequence
from cryoet_bench.changes.confirmation import Block, CasePair, Ledger
from cryoet_bench.changes.pairing import MARGIN, Budget, Pairing, timed
from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.record import CONFIRMATIONS, Record
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from evaluations import ROOT

KEPT = Path(".asv/honest")
CASES = (
    r"codec.Chunk.time_decode\('(blosc-lz4-5|gzip-5)'|codec.Chunk.time_encode\('zstd-3'"
    r"|read.Codecs.time_volume\('(none|blosc-zstd-5)', 'v3'|read.Opening.time_open\('group', 'v3'"
    r"|read.Patterns.time_read\('(slice-xy|boxes-64)', '(cube-64 v2|shard-32-in-128 v3)'"
    r"|write.Codecs.time_volume\('blosc-lz4-5', 'v3'|write.Patterns.time_write\('one-chunk', 'cube"
)
LONGEST = 60
"""Blocks of a resampled confirmation, at most."""

FEWEST = 10
"""Real blocks of a case that is resampled, at least."""

BAR = 0.01
"""The share of confirmations without a change that may say "changed"."""

Statistic = Callable[[Block, bool], float]
Known = Mapping[CasePair, Sequence[Block]]


def least(block: Block, swapped: bool) -> float:
    """Return the block's log ratio as confirm has it: the lesser process of each side."""
    return -block.log_ratio if swapped else block.log_ratio


def mean(block: Block, swapped: bool) -> float:
    """Return the log ratio of the geometric means of both sides' processes."""
    sides = [[math.log(min(x)) for x in one] for one in (block.before, block.after)]
    found = statistics.fmean(sides[1]) - statistics.fmean(sides[0])
    return -found if swapped else found


def measure(minutes: float) -> None:
    """Add real blocks of the newest release against itself."""
    revisions = known_revisions(ROOT)
    newest = revisions.last(1)[0]
    campaign = Campaign(ROOT, revisions, DEFAULT_TOMOGRAM, Record(KEPT), Selection("core", CASES))
    budget = Budget(minutes)
    with Pairing(campaign, (newest, newest), "evaluations") as pairing:
        cases = pairing.cases(timed(campaign))
        while budget.left > 5:
            pairing.measure(min(cases, key=lambda one: len(one.blocks)))


def confirmation(
    blocks: Sequence[Block], statistic: Statistic, slowdown: float, draw: random.Random
) -> tuple[str, int, float]:
    """Return the verdict of one resampled confirmation, its blocks and seconds."""
    values: list[float] = []
    seconds = 0.0
    verdict = "undecided"
    while verdict == "undecided" and len(values) < LONGEST:
        block = draw.choice(blocks)
        values.append(statistic(block, draw.random() < 0.5) + math.log1p(slowdown))
        seconds += block.seconds
        verdict = sequence.estimate(values, sequence.LEVEL).verdict(MARGIN)
    return verdict, len(values), seconds


def peeking(blocks: Sequence[Block], draw: random.Random) -> bool:
    """Tell whether Student's interval of 99 %, looked at after each block, is ever wrong."""
    from scipy.stats import t  # noqa: PLC0415

    values = [least(draw.choice(blocks), draw.random() < 0.5) for _ in range(LONGEST)]
    for count in range(4, LONGEST + 1):
        some = values[:count]
        half = t.ppf(0.995, count - 1) * statistics.stdev(some) / math.sqrt(count)
        if abs(statistics.fmean(some)) > half:
            return True
    return False


def kept() -> dict[CasePair, list[Block]]:
    """Return the real blocks of each case that has enough of them."""
    known: dict[CasePair, list[Block]] = {}
    for path in KEPT.glob(f"*/*/{CONFIRMATIONS}"):
        for pair, blocks in Ledger(path).blocks.items():
            known.setdefault(pair, []).extend(blocks)
    return {pair: blocks for pair, blocks in known.items() if len(blocks) >= FEWEST}


def print_cases(known: Known) -> None:
    """Print the noise of each case, by both statistics."""
    print(f"{sum(map(len, known.values()))} real blocks of {len(known)} cases, one release")
    print(f"{'case':62} {'blocks':>6} {'s':>5} {'spread: least':>13} {'mean':>6} {'lag 1':>6}")
    for pair, blocks in known.items():
        spread = [statistics.stdev(f(b, False) for b in blocks) for f in (least, mean)]
        lag = sequence.correlation([b.log_ratio for b in blocks]) or 0.0
        name = f"{pair.benchmark}{pair.case}"[:62]
        took = statistics.median(b.seconds for b in blocks)
        print(
            f"{name:62} {len(blocks):6} {took:5.2f} {spread[0]:13.1%} {spread[1]:6.1%} {lag:6.2f}"
        )


def print_verdicts(known: Known, resamples: int, draw: random.Random) -> float:
    """Print what confirmations say of each slowdown; return how often confirm's are wrong."""
    wrong = 0.0
    print(f"\n{'statistic':10} {'change':>7} {'n':>5} {'changed':>8} {'equivalent':>10} "
          f"{'undecided':>9} {'blocks':>6} {'seconds (90 %)':>15}")  # fmt: skip
    for statistic in (least, mean):
        for slowdown in (0.0, 0.02, 0.05, 0.10, 0.20, 0.50):
            found = [
                confirmation(blocks, statistic, slowdown, draw)
                for blocks in known.values()
                for _ in range(resamples)
            ]
            shares = [
                sum(one[0] == verdict for one in found) / len(found)
                for verdict in ("changed", "equivalent", "undecided")
            ]
            seconds = sorted(one[2] for one in found)
            print(
                f"{statistic.__name__:10} {slowdown:7.0%} {len(found):5} {shares[0]:8.1%} "
                f"{shares[1]:10.1%} {shares[2]:9.1%} {statistics.median(o[1] for o in found):6.0f} "
                f"{statistics.median(seconds):8.0f} ({seconds[int(0.9 * len(seconds))]:.0f})"
            )
            if statistic is least and not slowdown:
                wrong = shares[0]
    return wrong


def main() -> int:
    """Measure if asked to, resample, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--measure", type=float, default=0.0, metavar="MINUTES")
    parser.add_argument("--resamples", type=int, default=40, help="of each case")
    options = parser.parse_args()
    with chdir(ROOT):
        if options.measure:
            measure(options.measure)
        known = kept()
    if not known:
        print("too few blocks were measured: run with --measure 10")
        return 2
    draw = random.Random(2026)
    print_cases(known)
    wrong = print_verdicts(known, options.resamples, draw)
    looks = [peeking(blocks, draw) for blocks in known.values() for _ in range(options.resamples)]
    peeked = sum(looks) / len(looks)
    print(f"Student's interval of 99 %, looked at after each block: {peeked:.1%} wrong")
    print(f"false 'changed': {wrong:.2%} (at most {BAR:.0%})")
    return int(wrong > BAR)


if __name__ == "__main__":
    sys.exit(main())
