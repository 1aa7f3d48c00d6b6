from __future__ import annotations

import csv
import json
import os
import resource
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
import tifffile
from distributed import LocalCluster

from cryoet_bench.errors import InputError
from cryoet_bench.quality.qc import examine, view
from cryoet_bench.quality.qc.batch import Places, examine_all
from cryoet_bench.quality.qc.rows import Rows
from cryoet_bench.quality.report.table import write_csv, write_parquet, write_table_html

Array = npt.NDArray[Any]


@pytest.fixture
def sources(tmp_path: Path, noise: Array) -> list[str]:
    """Two volumes, one damaged, and one that is not there."""
    tifffile.imwrite(tmp_path / "good.tif", noise)
    damaged = noise.copy()
    damaged[1, 2, 3] = np.nan
    tifffile.imwrite(tmp_path / "<b>bad.tif", damaged)
    return [str(tmp_path / name) for name in ("good.tif", "<b>bad.tif", "absent.mrc")]


def write_table(sources: list[str], table: Path) -> Rows:
    rows = examine_all(sources, Places.beside([table], None))
    write_parquet(rows, table)
    return rows


def test_one_table_of_many(tmp_path: Path, cache: Path, sources: list[str], noise: Array) -> None:
    rows = write_table(sources, tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet").to_pylist()
    whole = [row for row in table if row["obs_level"] == 0]
    assert [row["verdict"] for row in whole] == ["warn", "fail", "error"]
    assert [row["use"] for row in whole] == ["after fixing", "after fixing", "no"]
    assert whole[0]["mean_intensity"] == pytest.approx(float(noise.mean()), rel=1e-5)
    assert (whole[0]["size_Z"], whole[0]["size_Y"], whole[0]["size_X"]) == noise.shape
    assert whole[1]["finite_pixel_count"] == noise.size - 1
    assert whole[1]["verdict_statistics"] == "fail"
    assert "absent.mrc" in whole[2]["message"]
    slices = [row for row in table if row["obs_level"] == 1 and row["path"] == sources[0]]
    assert [row["dim_z"] for row in slices] == list(range(len(noise)))
    assert slices[7]["std_intensity"] == pytest.approx(float(noise[7].std()), rel=1e-5)

    write_table_html(rows, tmp_path / "t.html")
    page = (tmp_path / "t.html").read_text()
    assert "&lt;b&gt;bad.tif" in page
    assert "<b>bad" not in page
    first, *_, last = page.split("<tr>")[2:]
    assert "absent.mrc" in first
    assert "good.tif" in last or "bad.tif" in last

    rows[0]["name"] = "=HYPERLINK(1)"
    write_csv(rows, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert [row["verdict"] for row in cells] == ["warn", "fail", "error"]
    assert cells[0]["name"] == "'=HYPERLINK(1)"
    assert float(cells[0]["mean_intensity"]) == pytest.approx(float(noise.mean()), rel=1e-5)


def test_pixelpatrol_finds_the_columns_that_it_draws(
    tmp_path: Path, cache: Path, sources: list[str], noise: Array
) -> None:
    """Names and types are those that PixelPatrol 1.0 writes itself."""
    write_table(sources, tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    assert str(table.schema.field("obs_level").type) == "int8"
    assert (
        str(table.schema.field("histogram_counts").type) == "fixed_size_list<element: int64>[256]"
    )
    assert b"pp_project_name" in table.schema.metadata
    first = table.slice(0, 1).to_pylist()[0]
    assert len(first["thumbnail"]) == 64 * 64 * 4
    assert sum(first["histogram_counts"]) == noise.size
    assert first["histogram_min"] == pytest.approx(float(noise.min()))
    expected, _ = np.histogram(noise, 256)
    assert np.abs(np.cumsum(first["histogram_counts"]) - np.cumsum(expected)).max() < 200


def test_what_was_finished_is_not_done_again(
    tmp_path: Path, cache: Path, sources: list[str], noise: Array
) -> None:
    places = Places.beside([tmp_path / "t.parquet"], None)
    examine_all(sources[:1], places)
    (part,) = (tmp_path / "t.parquet.parts").iterdir()
    record = json.loads(part.read_text())
    record["rows"][0]["findings"] = "from the first run"
    part.write_text(json.dumps(record))
    assert examine_all(sources, places)[0]["findings"] == "from the first run"

    tifffile.imwrite(sources[0], np.concatenate([noise, noise + 1]))
    assert examine_all(sources, places)[0]["findings"] != "from the first run"

    part.write_text("{")
    assert examine_all(sources, places)[0]["size_Z"] == 2 * len(noise)


def test_names_that_are_no_text_go_through_every_form(tmp_path: Path, noise: Array) -> None:
    source = os.fsdecode(bytes(tmp_path) + b"/caf\xe9 \xff.tif")
    tifffile.imwrite(source, noise)
    places = Places.beside([tmp_path / "t.csv"], tmp_path / "t.html")
    rows = examine_all([source], places)
    for number, write in enumerate((write_parquet, write_csv, write_table_html)):
        write(rows, tmp_path / str(number))
    assert "caf\\udce9" in (tmp_path / "1").read_text()
    (report,) = (tmp_path / "t.html.reports").iterdir()
    assert "caf\\udce9" in report.read_text()
    assert examine_all([source], places) == rows


def test_a_dask_scheduler_gives_the_same_table(
    tmp_path: Path, cache: Path, sources: list[str]
) -> None:
    here = examine_all(sources)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        there = examine_all(sources, Places(reports=tmp_path), scheduler=cluster.scheduler_address)
    reports = [row.pop("report", None) for row in there]
    assert all((tmp_path.parent / report).exists() for report in reports if report)
    assert there == [{k: v for k, v in row.items() if k != "report"} for row in here]


def test_bad_calls_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to examine"):
        examine_all([])
    (tmp_path / "t.csv.parts").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        Places.beside([tmp_path / "t.csv"], None)
    (tmp_path / "t.html.reports").symlink_to(tmp_path)
    with pytest.raises(InputError, match="it is a link"):
        Places.beside([], tmp_path / "t.html")


def test_napari_shows_volume_hot_voxels_and_empty_blocks(
    noise: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise[5, 6, 7] = 90
    noise[16:32, 16:32, 16:32] = 0
    inspection = examine(noise, voxel_spacing=10)
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(InputError, match="napari is not installed"):
        view(inspection)

    layers: list[tuple[str, dict[str, Any]]] = []

    class Viewer:
        """Records what it is given, where napari cannot be installed."""

        def __init__(self, **_options: Any) -> None:
            pass

        def add_image(self, _data: Any, **options: Any) -> None:
            layers.append(("image", options))

        def add_points(self, data: Array, **options: Any) -> None:
            layers.append((options["name"], {"data": data.tolist()}))

    stand_in = types.ModuleType("napari")
    stand_in.Viewer = Viewer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "napari", stand_in)
    view(inspection)
    assert layers[0][1]["scale"] == (10.0, 10.0, 10.0)
    assert dict(layers[1:]) == {
        "hot voxels": {"data": [[5, 6, 7]]},
        "empty blocks": {"data": [[23.5, 23.5, 23.5]]},
    }


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    places = Places.beside([tmp_path / "t.csv"], tmp_path / "t.html")
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(InputError, match="cannot write"):
            examine_all([str(tmp_path / "absent.mrc")], places)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.glob("t.*"))
