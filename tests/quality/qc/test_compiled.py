"""Loops are compiled whatever a user has set for other programs, and wherever nothing is kept."""

import os
import subprocess
import sys

import pytest

from cryoet_bench.quality import compiled

SUM = """
import numpy as np
from cryoet_bench.quality.qc.padding import _blank_runs
row = np.array([[[0, 0, 0, 0, 5, 0, 6, 7]]], np.float32)
_blank_runs(row, 0.0)
print(np.isnan(row).sum(), bool(_blank_runs.signatures))
"""


SETTINGS = {
    "NUMBA_DISABLE_JIT": "1",
    "NUMBA_CPU_NAME": "no-such-processor",
    "NUMBA_CACHE_DIR": os.devnull,
    "NUMBA_OPT": "no number",
    "NUMBA_NUM_THREADS": "-3",
}


def test_settings_of_a_user_are_not_ours():
    done = subprocess.run(
        [sys.executable, "-c", SUM],
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The four at the start of the row are a run that touches its end; the single one is not.
    assert done.stdout.split() == ["4", "True"]


@pytest.mark.parametrize(
    ("told", "threads"),
    [("1", 1), ("0", 1), ("100000", None), ("4,2", None), ("", None), ("many", None)],
)
def test_threads_are_those_that_dask_and_batch_systems_allow(
    monkeypatch: pytest.MonkeyPatch, told: str, threads: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert compiled._threads() == (threads or len(os.sched_getaffinity(0)))
