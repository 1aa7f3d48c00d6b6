from __future__ import annotations

import os
import shutil
from pathlib import Path

from cryoet_bench.quality.fingerprint import fingerprint


def test_it_changes_with_files_and_settings_and_not_with_their_place(tmp_path: Path) -> None:
    store = tmp_path / "a" / "volume.zarr"
    (store / "c").mkdir(parents=True)
    (store / "zarr.json").write_text("{}")
    known = fingerprint([str(store)], "limits")
    assert known == fingerprint([str(store)], "limits")
    assert known != fingerprint([str(store)], "other limits")
    moved = shutil.move(tmp_path / "a", tmp_path / "b") / "volume.zarr"
    assert known == fingerprint([str(moved)], "limits")
    (moved / "c" / "0").write_text("a chunk")
    grown = fingerprint([str(moved)], "limits")
    assert grown != known
    os.utime(moved / "zarr.json", (0, 0))
    assert fingerprint([str(moved)], "limits") not in {known, grown}


def test_what_is_no_path_counts_by_its_settings_alone() -> None:
    assert fingerprint(["phantom-tiny"], 1) == fingerprint(["s3://bucket/volume.zarr"], 1)
    assert fingerprint(["phantom-tiny"], 1) != fingerprint(["phantom-tiny"], 2)
