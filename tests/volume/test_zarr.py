"""What a Zarr's metadata decide, and what is in its store: NGFF 0.4, 0.5 and the draft 0.6."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from cryoet_bench.errors import InputError
from cryoet_bench.volume.boxes import read_box
from cryoet_bench.volume.opening import open_volume
from tests.volume.inputs import names, noise

SHAPE = (6, 7, 8)
ANGSTROM = {"type": "space", "unit": "angstrom"}
KINDS = {"t": {"type": "time"}, "c": {"type": "channel"}}


def axes(order: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, **KINDS.get(name, ANGSTROM), **more} for name in order]


def scale(*factors: float) -> list[dict[str, Any]]:
    return [{"type": "scale", "scale": list(factors)}]


def write(
    path: Path, data: np.ndarray, named: Any, steps: Any, zarr_format: Any = 2, **multiscale: Any
) -> Path:
    """Write an OME-Zarr of one level."""
    group = zarr.create_group(path, zarr_format=zarr_format, overwrite=True)
    chunks = tuple(min(n, 4) for n in data.shape)
    group.create_array("0", data=data, chunks=chunks)
    image = [
        {
            "axes": named,
            "datasets": [{"path": "0", "coordinateTransformations": steps}],
            **multiscale,
        }
    ]
    if zarr_format == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **image[0]}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": image}
    return path


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as refused:
        open_volume(path, **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


# Axes


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("zyx")])
def test_every_order_of_axes_is_put_right(tmp_path: Path, order: str, zarr_format: int) -> None:
    data = noise()
    stored = data.transpose(["zyx".index(name) for name in order])
    spacing = {"z": 30.0, "y": 20.0, "x": 10.0}
    factors = scale(*[spacing[name] for name in order])
    volume = open_volume(write(tmp_path / "a.zarr", stored, axes(order), factors, zarr_format))
    np.testing.assert_array_equal(volume.array[:, :, :], data)
    np.testing.assert_array_equal(volume.array[1:5, 2, 3:], data[1:5, 2, 3:])
    np.testing.assert_array_equal(read_box(volume.array, np.s_[:, 1:6, -1]), data[:, 1:6, -1])
    assert volume.voxel_spacing == (30, 20, 10)
    assert volume.array.shape == SHAPE
    assert names(volume) == ([] if order == "zyx" else ["axis-order"])


@pytest.mark.parametrize("order", ["tczyx", "czyx", "tzyx", "zyxc", "ctxyz", "zcyx"])
def test_other_axes_of_length_one_are_left_out(tmp_path: Path, order: str) -> None:
    data = noise()
    space = [name for name in order if name in "zyx"]
    stored = data.transpose(["zyx".index(name) for name in space])
    stored = np.expand_dims(stored, tuple(i for i, name in enumerate(order) if name in "tc"))
    factors = scale(*[{"z": 30.0, "y": 20.0, "x": 10.0}.get(name, 1.0) for name in order])
    volume = open_volume(write(tmp_path / "a.zarr", stored, axes(order), factors))
    np.testing.assert_array_equal(volume.array[:, :, :], data)
    assert volume.voxel_spacing == (30, 20, 10)
    assert volume.missing_chunks == []
    assert volume.chunks == (4, 4, 4)


@pytest.mark.parametrize(
    ("order", "shape", "named"),
    [
        ("tzyx", (3, 6, 7, 8), r"3 time points \(axis t\)"),
        ("czyx", (2, 6, 7, 8), r"2 channels \(axis c\)"),
        ("tczyx", (2, 3, 4, 5, 6), r"2 time points \(axis t\) and 3 channels"),
        ("cyx", (6, 7, 8), r"are c, y, x"),
        ("tyx", (6, 7, 8), r"are t, y, x"),
        ("zyy", (6, 7, 8), "two have one name"),
    ],
)
def test_axes_that_leave_a_choice_are_named(
    tmp_path: Path, order: str, shape: Any, named: str
) -> None:
    path = write(tmp_path / "a.zarr", noise(shape), axes(order), scale(*[1.0] * len(order)))
    with pytest.raises(InputError, match=named):
        open_volume(path)


def test_names_in_capitals_and_of_one_s_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("XYZ"), scale(1, 2, 3))
    assert open_volume(path).array.shape == (8, 7, 6)
    own = [{"name": name, **ANGSTROM} for name in ("depth", "height", "width")]
    volume = open_volume(write(tmp_path / "b.zarr", noise(), own, scale(3, 2, 1)))
    assert volume.voxel_spacing == (3, 2, 1)
    assert names(volume) == ["axis-names"]


def test_more_axes_than_the_array_has(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("tczyx"), scale(1, 1, 3, 2, 1))
    volume = open_volume(path)
    assert volume.voxel_spacing is None
    assert names(volume) == ["axes-do-not-match"]


def test_dimension_names_of_a_plain_array(tmp_path: Path) -> None:
    """Zarr 3's own names, and those that xarray writes into attributes of format 2."""
    data = noise()
    turned = np.ascontiguousarray(data.transpose(2, 1, 0))
    zarr.create_array(tmp_path / "3.zarr", data=turned, dimension_names=["x", "y", "z"])
    array = zarr.create_array(tmp_path / "2.zarr", data=turned, zarr_format=2)
    array.attrs["_ARRAY_DIMENSIONS"] = ["x", "y", "z"]
    zarr.create_array(tmp_path / "own.zarr", data=data, dimension_names=["a", "b", "c"])
    for name in ("3.zarr", "2.zarr", "own.zarr"):
        np.testing.assert_array_equal(open_volume(tmp_path / name).array[:, :, :], data)


def test_dimension_names_that_contradict_the_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), scale(3, 2, 1), 3)
    metadata = json.loads((path / "0" / "zarr.json").read_text())
    metadata["dimension_names"] = ["x", "y", "z"]
    (path / "0" / "zarr.json").write_text(json.dumps(metadata))
    assert names(open_volume(path)) == ["axis-names"]


# Spacing


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("angstrom", 1), ("nanometer", 10), ("micrometer", 1e4), ("picometer", 0.01), ("meter", 1e10),
     ("pixel", None), (None, None)],
)  # fmt: skip
def test_units(tmp_path: Path, unit: str | None, factor: float | None) -> None:
    named = [{"name": name, "type": "space", **({"unit": unit} if unit else {})} for name in "zyx"]
    spacing = open_volume(write(tmp_path / "a.zarr", noise(), named, scale(3, 2, 1))).voxel_spacing
    assert spacing == (factor and pytest.approx((3 * factor, 2 * factor, factor)))


@pytest.mark.parametrize(
    ("steps", "shared", "expected"),
    [
        (scale(3, 2, 1), scale(10, 10, 10), (30, 20, 10)),
        (scale(3, 2, 1), [], (3, 2, 1)),
        ([*scale(3, 2, 1), {"type": "translation", "translation": [9, 9, 9]}], [], (3, 2, 1)),
        ([{"type": "identity"}], scale(3, 2, 1), (3, 2, 1)),
        ([{"type": "identity"}], [], None),
        (scale(0, 2, 1), [], None),
    ],
)
def test_transformations_are_combined(
    tmp_path: Path, steps: Any, shared: Any, expected: Any
) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), steps, coordinateTransformations=shared)
    assert open_volume(path).voxel_spacing == expected


def test_a_scale_that_lies_elsewhere(tmp_path: Path) -> None:
    steps = [{"type": "scale", "path": "scales/0"}]
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), steps)
    volume = open_volume(path)
    assert volume.voxel_spacing is None
    assert "scales/0" in volume.notes[0].sentence
    zarr.open_group(path, mode="r+").create_array("scales/0", data=np.array([3.0, 2.0, 1.0]))
    volume = open_volume(path)
    assert volume.voxel_spacing == (3, 2, 1)
    assert volume.notes == []


def test_a_scale_of_too_few_numbers(tmp_path: Path) -> None:
    volume = open_volume(write(tmp_path / "a.zarr", noise(), axes("zyx"), scale(2, 1)))
    assert volume.voxel_spacing is None
    assert "2 numbers for 3 axes" in volume.notes[0].sentence


def steps_0_6(*steps: Any, output: Any = "physical") -> list[dict[str, Any]]:
    return [{**step, "input": "0", "output": output} for step in steps]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (steps_0_6(*scale(3, 2, 1)), (3, 2, 1)),
        (steps_0_6(*scale(3, 2, 1), output={"name": "physical"}), (3, 2, 1)),
        (
            steps_0_6(
                {
                    "type": "sequence",
                    "transformations": [
                        *scale(3, 2, 1),
                        {"type": "translation", "translation": [1, 1, 1]},
                    ],
                }
            ),
            (3, 2, 1),
        ),
        (steps_0_6({"type": "affine", "affine": [[1, 0, 0, 0]] * 3}), None),
    ],
)
def test_coordinate_systems_of_the_draft(tmp_path: Path, steps: Any, expected: Any) -> None:
    path = write(tmp_path / "a.zarr", noise(), [], [], 3)
    systems = [
        {"name": "other", "axes": axes("zyx", unit="micrometer")},
        {"name": "physical", "axes": axes("zyx")},
    ]
    image = {
        "coordinateSystems": systems,
        "datasets": [{"path": "0", "coordinateTransformations": steps}],
        # Leads to another system, and is no part of the spacing.
        "coordinateTransformations": steps_0_6(*scale(7, 7, 7), output="other"),
    }
    zarr.open_group(path, mode="r+").attrs["ome"] = {"version": "0.6.dev3", "multiscales": [image]}
    volume = open_volume(path)
    assert volume.voxel_spacing == expected
    if expected is None:
        assert "0.6.dev3" in volume.notes[0].sentence


def test_the_array_of_an_image_has_the_image_s_spacing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), scale(3, 2, 1))
    assert open_volume(path / "0").voxel_spacing == (3, 2, 1)


# Chunks


def store(path: Path, zarr_format: Any = 2, **options: Any) -> Path:
    options = {"chunks": (4, 4, 4), **options}
    zarr.create_array(
        path, data=noise((8, 8, 8)), zarr_format=zarr_format, overwrite=True, **options
    )
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("other", ["/", "."])
def test_chunks_under_other_keys_are_refused(tmp_path: Path, zarr_format: int, other: str) -> None:
    name = "v2" if zarr_format == 2 else "default"
    path = store(
        tmp_path / "a.zarr", zarr_format, chunk_key_encoding={"name": name, "separator": other}
    )
    file = path / {2: ".zarray", 3: "zarr.json"}[zarr_format]
    metadata = json.loads(file.read_text())
    wrong = {"/": ".", ".": "/"}[other]
    if zarr_format == 2:
        metadata["dimension_separator"] = wrong
    else:
        metadata["chunk_key_encoding"]["configuration"]["separator"] = wrong
    file.write_text(json.dumps(metadata))
    sentence = refusal(path)
    assert "8 of 8 chunks" in sentence
    assert other.join("000") in sentence


def test_chunks_of_the_other_format_s_keys(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", 3, chunk_key_encoding={"name": "v2", "separator": "/"})
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["chunk_key_encoding"] = {"name": "default", "configuration": {"separator": "/"}}
    (path / "zarr.json").write_text(json.dumps(metadata))
    assert "c/0/0/0 is wanted, 0/0/0 is there" in refusal(path)


def test_a_few_chunks_under_other_keys(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr")
    (path / "1" / "1").mkdir(parents=True)
    (path / "1.1.1").rename(path / "1/1/1")
    assert "1.1.1 is wanted, 1/1/1 is there (1 of 8 chunks)" in refusal(path)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_missing_chunks_are_named_along_z_y_x(tmp_path: Path, zarr_format: int) -> None:
    stored = noise((8, 8, 8))[None]
    path = write(tmp_path / "a.zarr", stored, axes("txyz"), scale(1, 1, 1, 1), zarr_format)
    (found,) = [one for one in path.rglob("*") if one.is_file() and _digits(path, one) == "0011"]
    found.unlink()
    volume = open_volume(path)
    assert volume.missing_chunks == [(1, 1, 0)]
    (note,) = volume.about("chunks")
    assert note.sentence.startswith("1 of 8 chunks is not in the store")
    assert "unwritten or lost" in note.sentence


def _digits(path: Path, file: Path) -> str:
    return (
        "".join(c for c in str(file.relative_to(path / "0")) if c.isdigit())
        if (file.is_relative_to(path / "0"))
        else ""
    )


def test_chunks_missing_inside_shards(tmp_path: Path) -> None:
    data = noise((8, 8, 8))
    data[4:, :4, :4] = 0  # zarr does not write chunks that are all fill
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=data.shape, dtype="f4", chunks=(4, 4, 4), shards=(8, 8, 4)
    )
    array[:] = data
    assert open_volume(tmp_path / "a.zarr").missing_chunks == [(1, 0, 0)]
    (tmp_path / "a.zarr/c/0/0/1").unlink()
    missing = open_volume(tmp_path / "a.zarr").missing_chunks
    assert missing == [(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 1)]


@pytest.mark.parametrize("where", ["start", "end"])
def test_shards_at_the_edge_have_no_missing_chunks(tmp_path: Path, where: str) -> None:
    from zarr.codecs import ShardingCodec

    data = noise((6, 6, 6))
    codec = ShardingCodec(chunk_shape=(2, 2, 2), index_location=where)
    array = zarr.create(
        store=tmp_path / "a.zarr", shape=data.shape, chunks=(4, 4, 4), dtype="f4",
        codecs=[codec], zarr_format=3,
    )  # fmt: skip
    array[:] = data
    volume = open_volume(tmp_path / "a.zarr")
    assert volume.missing_chunks == []
    np.testing.assert_array_equal(volume.array[:, :, :], data)


def test_empty_and_partial_chunks_are_named(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr")
    (path / "1.0.1").write_bytes(b"")
    assert "(1, 0, 1), 1.0.1, holds no bytes" in refusal(path)
    path = store(tmp_path / "raw.zarr", compressors=None)
    (path / "0.1.1").write_bytes((path / "0.1.1").read_bytes()[:100])
    assert "holds 100 of 256 bytes" in refusal(path)


@pytest.mark.parametrize("content", [b"damaged", b"\0" * 200])
def test_a_damaged_chunk_is_named(tmp_path: Path, content: bytes) -> None:
    path = store(tmp_path / "a.zarr")
    (path / "1.0.1").write_bytes(content)
    array = open_volume(path).array
    np.testing.assert_array_equal(array[:4], noise((8, 8, 8))[:4])
    for box in (np.s_[:, :, :], np.s_[5], np.s_[4:, :2, 7:]):
        with pytest.raises(InputError, match=r"chunk at grid position \(1, 0, 1\) is damaged"):
            array[box]


def test_chunks_beyond_the_shape(tmp_path: Path) -> None:
    """The metadata of an older, smaller state over the chunks of a newer one."""
    path = store(tmp_path / "a.zarr")
    metadata = json.loads((path / ".zarray").read_text())
    metadata["shape"] = [4, 8, 8]
    (path / ".zarray").write_text(json.dumps(metadata))
    (note,) = open_volume(path).notes
    assert note.name == "chunks-beyond"
    assert "4 chunks" in note.sentence


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_stale_consolidated_metadata(tmp_path: Path, zarr_format: Any) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), scale(3, 2, 1), zarr_format)
    with pytest.warns() if zarr_format == 3 else _nothing():
        zarr.consolidate_metadata(path, zarr_format=zarr_format)
    assert open_volume(path).notes == []
    zarr.open_array(path / "0", mode="r+").resize((12, 7, 8))
    volume = open_volume(path)
    assert volume.array.shape == (12, 7, 8)
    assert "stale-consolidated-metadata" in names(volume)


def test_consolidated_metadata_of_an_older_scale(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), scale(3, 2, 1))
    zarr.consolidate_metadata(path, zarr_format=2)
    attributes = json.loads((path / ".zattrs").read_text())
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = scale(6, 4, 2)
    (path / ".zattrs").write_text(json.dumps(attributes))
    volume = open_volume(path)
    assert volume.voxel_spacing == (6, 4, 2)
    assert names(volume) == ["stale-consolidated-metadata"]


def test_levels_are_held_against_their_arrays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), scale(3, 2, 1))
    group = zarr.open_group(path, mode="r+")
    group.create_array("1", data=noise((12, 14, 16)))
    image = group.attrs["multiscales"][0]
    image["datasets"] += [{"path": name, "coordinateTransformations": []} for name in ("1", "2")]
    group.attrs["multiscales"] = [image, image]
    assert names(open_volume(path)) == ["levels-missing", "levels-out-of-order", "several-images"]


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_an_array_that_was_never_written(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(8, 8, 8), chunks=(4, 4, 4), dtype="f4")
    (note,) = open_volume(tmp_path / "a.zarr").notes
    assert note.sentence.startswith("8 of 8 chunks are not in the store")


# Containers


def test_images_within_a_group(tmp_path: Path) -> None:
    root = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    write(tmp_path / "a.zarr/0", noise(), axes("zyx"), scale(3, 2, 1))
    volume = open_volume(tmp_path / "a.zarr")
    np.testing.assert_array_equal(volume.array[:], noise())
    assert volume.voxel_spacing == (3, 2, 1)
    write(tmp_path / "a.zarr/1", noise(), axes("zyx"), scale(3, 2, 1))
    sentence = refusal(tmp_path / "a.zarr")
    assert "a.zarr/0" in sentence
    assert "a.zarr/1" in sentence


def test_plates_wells_and_labels_name_their_images(tmp_path: Path) -> None:
    plate = zarr.create_group(tmp_path / "p.zarr", zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    assert "p.zarr/A/1/0" in refusal(tmp_path / "p.zarr")
    well = plate.create_group("A/1")
    well.attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}]}
    assert "p.zarr/A/1/1" in refusal(tmp_path / "p.zarr/A/1")
    labels = zarr.create_group(tmp_path / "l.zarr/labels")
    labels.attrs["ome"] = {"version": "0.5", "labels": ["membrane", "ribosome"]}
    sentence = refusal(tmp_path / "l.zarr/labels")
    assert "labels/membrane" in sentence
    assert "labels/ribosome" in sentence


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_segmentation_is_called_one(tmp_path: Path, zarr_format: int) -> None:
    path = write(tmp_path / "a.zarr", noise(dtype="u1"), axes("zyx"), scale(3, 2, 1), zarr_format)
    attributes = zarr.open_group(path, mode="r+").attrs
    if zarr_format == 2:
        attributes["image-label"] = {}
    else:
        attributes["ome"] = {**attributes["ome"], "image-label": {}}
    volume = open_volume(path)
    assert names(volume) == ["segmentation"]
    assert volume.facts["content"] == "segmentation"


def test_empty_groups_and_groups_of_groups(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr")
    assert "an empty Zarr group" in refusal(tmp_path / "a.zarr")
    group.create_group("tomograms")
    assert "tomograms" in refusal(tmp_path / "a.zarr")
    group.create_array("densities", data=noise())
    assert "a.zarr/densities" in refusal(tmp_path / "a.zarr")


@pytest.mark.parametrize("top", ["", "a.zarr/"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zipped_zarr_is_read(tmp_path: Path, top: str, zarr_format: int) -> None:
    path = write(tmp_path / "a.zarr", noise(), axes("zyx"), scale(3, 2, 1), zarr_format)
    next(file for file in path.rglob("*") if _digits(path, file) == "111").unlink()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in path.rglob("*"):
            archive.write(file, f"{top}{file.relative_to(path)}")
    volume = open_volume(tmp_path / "a.zip")
    np.testing.assert_array_equal(volume.array[:4], noise()[:4])
    assert volume.voxel_spacing == (3, 2, 1)
    assert volume.missing_chunks == [(1, 1, 1)]


def test_zips_that_are_no_zarr(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.mrc", b"")
    assert "without a Zarr inside" in refusal(tmp_path / "a.zip")
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(content[:-20])
    assert "damaged or truncated zip" in refusal(tmp_path / "b.zip")


def test_a_server_that_lists_nothing_loses_no_chunk(tmp_path: Path) -> None:
    class Silent(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path))

        def list_directory(self, path: Any) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            return

    store(tmp_path / "a.zarr")
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        volume = open_volume(f"http://127.0.0.1:{server.server_port}/a.zarr")
        np.testing.assert_array_equal(volume.array[:, :, :], noise((8, 8, 8)))
        server.shutdown()
    assert volume.missing_chunks is None
    assert volume.notes == []


def test_both_formats_in_one_folder(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr", 3)
    store(tmp_path / "b.zarr", 2)
    shutil.copy(tmp_path / "b.zarr/.zarray", path / ".zarray")
    assert names(open_volume(path)) == ["two-formats"]
