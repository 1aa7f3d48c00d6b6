from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import mrcfile
import numpy as np
import pytest
import zarr
from typer.testing import CliRunner

from cryoet_bench.cli import app
from cryoet_bench.errors import InputError
from cryoet_bench.quality.fidelity import compare
from cryoet_bench.quality.fidelity.profiles import PROFILES, Requirement, profile_named
from cryoet_bench.quality.fidelity.report import build_report
from cryoet_bench.quality.fidelity.verification import judged, verify_sources
from cryoet_bench.quality.report import schema, write_html
from cryoet_bench.tomogram.phantom import PHANTOMS, make

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def phantom() -> np.ndarray:
    return make(PHANTOMS["phantom-tiny"]).data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, phantom: np.ndarray) -> Path:
    """A reference as MRC, and copies in Zarr: exact, in half precision, with a lost chunk."""
    folder = tmp_path_factory.mktemp("copies")
    with mrcfile.new(folder / "reference.mrc") as mrc:
        mrc.set_data(phantom)
        mrc.voxel_size = 10.012
    half = (phantom / phantom.std()).astype("f2").astype("f4") * phantom.std()
    broken = phantom.copy()
    broken[:32, 32:, :32] = 0
    for name, data in (("exact", phantom), ("half", half), ("broken", broken)):
        zarr.create_array(folder / f"{name}.zarr", data=data, chunks=(32, 32, 32))
    return folder


@pytest.mark.parametrize(
    ("copy", "profile", "code"),
    [
        ("exact.zarr", "archival", 0),
        ("exact.zarr", "analysis", 0),
        ("reference.mrc", "archival", 0),
        ("half.zarr", "archival", 1),
        ("half.zarr", "analysis", 0),
        ("half.zarr", "visualisation", 0),
        ("broken.zarr", "visualisation", 1),
    ],
)
def test_the_exit_code_is_the_verdict(
    folder: Path, cache: Path, copy: str, profile: str, code: int
) -> None:
    arguments = ["verify", str(folder / "reference.mrc"), str(folder / copy), "--profile", profile]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == code, result.output
    assert ("is not fit" in result.output) == (code == 1)


def test_writes_json_after_the_schema_and_pictures(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    paths = {name: tmp_path / f"report.{name}" for name in ("json", "html", "png")}
    options = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    arguments = ["verify", "phantom-tiny", str(folder / "broken.zarr"), *options]
    assert RUNNER.invoke(app, arguments).exit_code == 1
    written = json.loads(paths["json"].read_text("utf-8"))
    jsonschema.validate(written, schema())
    assert written["kind"] == "fidelity"
    assert written["measures"]["damage"] == ["missing-block"]
    assert written["measures"]["picking_reference"] > 0.9
    assert written["measures"]["fsc"]["measured"][0] == 1
    page = paths["html"].read_text("utf-8")
    assert "missing-block" in page
    assert page.count("data:image/png;base64,") == 4
    assert "synthetic" in page
    assert paths["png"].read_bytes().startswith(b"\x89PNG")


def test_names_with_markup_are_escaped(folder: Path, cache: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "<script>alert(1)<" / "run<b>[red].zarr"
    zarr.create_array(hostile, data=np.zeros((8, 8, 8), "f4"), chunks=(8, 8, 8))
    verified = verify_sources(str(hostile), str(hostile), PROFILES["archival"])
    write_html(build_report(verified), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<b>" not in page
    assert "run&lt;b&gt;" in page
    printed = RUNNER.invoke(app, ["verify", str(hostile), str(hostile)]).output
    assert "run<b>[red].zarr" in printed.replace("\n", "")


def test_the_real_tomogram_against_itself(microtubule: Path, cache: Path) -> None:
    verified = verify_sources(str(microtubule), str(microtubule), PROFILES["archival"])
    assert verified.verdict == "pass"


@pytest.mark.parametrize(
    ("reference", "copy", "options", "sentence"),
    [
        ("nothing.mrc", "reference.mrc", [], "there is no tomogram or file"),
        ("reference.mrc", "truncated.mrc", [], "truncated"),
        ("reference.mrc", "empty.mrc", [], "empty"),
        ("reference.mrc", "damaged.zarr", [], "cannot be read"),
        ("reference.mrc", "complex.zarr", [], "real numbers"),
        ("reference.mrc", "flat.zarr", [], "three axes"),
        ("reference.mrc", "half.zarr", ["--profile", "archive"], "did you mean archival?"),
        ("reference.mrc", "half.zarr", ["--html", "/nowhere/page.html"], "cannot write"),
    ],
)
def test_bad_input_is_one_sentence(
    folder: Path, cache: Path, reference: str, copy: str, options: list[str], sentence: str
) -> None:
    (folder / "truncated.mrc").write_bytes((folder / "reference.mrc").read_bytes()[:5000])
    (folder / "empty.mrc").write_bytes(b"")
    for name, data in (
        ("damaged", np.ones((8, 8, 8), "f4")),
        ("complex", np.ones((8, 8, 8), "c8")),
        ("flat", np.ones((8, 8), "f4")),
    ):
        zarr.create_array(
            folder / f"{name}.zarr", data=data, chunks=data.shape, overwrite=True, zarr_format=2
        )
    zeros = [file for file in (folder / "damaged.zarr").iterdir() if file.name == "0.0.0"]
    zeros[0].write_bytes(b"no chunk")
    copy_of = folder / copy
    if copy == "damaged.zarr":
        reference = "damaged.zarr"
    with pytest.raises(InputError, match=sentence) as raised:
        RUNNER.invoke(
            app,
            ["verify", str(folder / reference), str(copy_of), *options],
            catch_exceptions=False,
        )
    assert "\n" not in str(raised.value)


def test_every_limit_has_a_reason() -> None:
    for profile in PROFILES.values():
        assert profile.purpose
        for requirement in profile.requirements:
            assert requirement.reason.endswith(".")
            assert requirement.rule


def test_limits_hold_at_their_value() -> None:
    least = Requirement(measure="m", title="", reason="", at_least=0.9)
    most = Requirement(measure="m", title="", reason="", at_most=0.1, unknown="warn")
    assert [least.verdict(value) for value in (0.9, 0.899, None)] == ["pass", "fail", "fail"]
    assert [most.verdict(value) for value in (-0.1, 0.11, None)] == ["pass", "fail", "warn"]
    assert profile_named("archival").name == "archival"
    with pytest.raises(InputError, match="choose one of"):
        profile_named("zzz")


def test_archival_says_how_many_voxels_differ_and_where() -> None:
    a = np.random.default_rng(0).standard_normal((8, 8, 8)).astype("f4")
    b = a.copy()
    b[1, 2, 3] += 1
    checks = {check.key: check for check in judged(compare(a, b), PROFILES["archival"])}
    assert checks["bit_exact"].verdict == "fail"
    assert "1 voxel differs, the first at (z, y, x) = (1, 2, 3)" in checks["bit_exact"].sentence
    same_values = {
        check.key: check for check in judged(compare(a, a.astype("f8")), PROFILES["archival"])
    }
    assert same_values["bit_exact"].verdict == same_values["same_dtype"].verdict == "fail"
