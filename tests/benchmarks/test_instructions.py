"""Instructions of codecs, counted in one process for all of them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from benchmarks import instructions
from benchmarks.instructions import Chunk


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_each_codec_has_its_own_counts_or_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunk = np.random.default_rng(1).normal(0, 5e-6, (32, 32, 32)).astype(np.float32)
    monkeypatch.setattr(instructions, "middle_chunk", lambda: chunk)
    found = Chunk().measure_all([("lz4-1",), ("no-such",), ("zstd-3",)])
    for codec in ("lz4-1", "zstd-3"):
        values = found[codec,].values
        assert values is not None
        assert chunk.size < values["decode"] < values["encode"] < 1000 * chunk.size
    assert found["zstd-3",]["encode"] > 1.5 * found["lz4-1",]["encode"]
    with pytest.raises(RuntimeError, match="KeyError"):
        found["no-such",].check()


def test_without_valgrind_no_case_is_available(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Chunk().outcomes()
    assert found
    for outcome in found.values():
        with pytest.raises(NotImplementedError, match="needs valgrind"):
            outcome.check()
