"""The instructions of a codec: what its time in `codec` is made of, without the noise."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.codec import middle_chunk
from benchmarks.exact import Exact, Outcome, Outcomes
from benchmarks.question import Case, asks
from cryoet_bench.harness import conditions, instructions
from cryoet_bench.storage.codecs import COMPRESSORS, CORE_COMPRESSORS
from cryoet_bench.storage.installed import UnavailableError

_CALLS = 2  # of which the one with fewer instructions counts: the other found something to set up


def _measured(cases: list[Case]) -> Outcomes:
    """Count all cases in one process under valgrind, whose start takes longer than a codec does."""
    import numpy as np  # noqa: PLC0415

    try:
        instructions.require()
        with tempfile.TemporaryDirectory() as folder:
            chunk = Path(folder, "chunk.npy")
            np.save(chunk, middle_chunk())
            names = [name for case in cases for name in case]
            printed, counts = instructions.of(dict(os.environ), "-m", __name__, str(chunk), *names)
    except UnavailableError as error:
        return {case: Outcome(None, str(error), available=False) for case in cases}
    except Exception:  # noqa: BLE001  (raised again by each case's own track)
        return {case: Outcome(None, traceback.format_exc()) for case in cases}
    found = {}
    for case, reason in zip(cases, json.loads(printed), strict=True):
        if reason:
            found[case] = Outcome(None, reason)
            continue
        own = [min(counts[start : start + _CALLS]) for start in (0, _CALLS)]
        del counts[: 2 * _CALLS]
        found[case] = Outcome(dict(zip(("encode", "decode"), own, strict=True)))
    return found


def _count(chunk: Any, codec: str) -> str:
    """Let valgrind count a codec in this process; return why that cannot be done, or nothing."""
    try:
        compressor = COMPRESSORS[codec].format2()["compressor"]
        encoded = compressor.encode(chunk)
        compressor.decode(encoded)
    except Exception:  # noqa: BLE001  (the codec's own failure, and of no other)
        return traceback.format_exc()
    for _ in range(_CALLS):
        instructions.counted(lambda: compressor.encode(chunk))
    for _ in range(_CALLS):
        instructions.counted(lambda: compressor.decode(encoded))
    return ""


class Chunk(Exact):
    """One 64-cube in memory, encoded and decoded by numcodecs in one thread."""

    cases = {"codec": COMPRESSORS}
    core = {"codec": CORE_COMPRESSORS}

    def measure_all(self, cases: Iterable[Case]) -> Outcomes:
        return _measured(list(cases))

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Instructions to encode one chunk", unit="instructions", tolerance=0.001)
    def track_encode(self, *_case: object) -> float:
        """How many instructions does numcodecs take to compress a 64-cube?

        numcodecs and the codec libraries in it.
        """
        return self.outcome["encode"]

    @asks("Instructions to decode one chunk", unit="instructions", tolerance=0.001)
    def track_decode(self, *_case: object) -> float:
        """How many instructions does numcodecs take to decompress a 64-cube?

        numcodecs and the codec libraries in it.
        """
        return self.outcome["decode"]


def _main(chunk: str, *codecs: str) -> None:
    import numpy as np  # noqa: PLC0415

    conditions.settle_codecs()
    loaded = np.load(chunk)
    print(json.dumps([_count(loaded, codec) for codec in codecs]))  # noqa: T201


if __name__ == "__main__":
    _main(*sys.argv[1:])
