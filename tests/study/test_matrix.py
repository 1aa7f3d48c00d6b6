"""The matrix: its schema, its rules, and the named ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.study.matrix import choose, names, read

FLOAT = np.dtype("f4")
HEAD = 'title = "t"\n[[block]]\n'
MINE = '[[codec]]\nname = "mine"\nmodule = "m"\nformat2 = "m"\n'


def written(folder: Path, text: str) -> str:
    path = folder / "m.toml"
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize("name", names())
def test_named_matrices_make_sense(name: str) -> None:
    matrix = read(name)
    edge = max(matrix.edge)
    found = choose(matrix, (edge,) * 3, FLOAT, "v")
    assert matrix.count() == len(found.configurations) + sum(found.excluded.values())
    assert len({one.name for one in found.configurations}) == len(found.configurations)


def test_quick_is_as_large_as_two_minutes_allow() -> None:
    assert 20 <= len(choose(read("quick"), (128,) * 3, FLOAT, "v").configurations) <= 25


def test_nonsense_is_left_out_and_counted(tmp_path: Path) -> None:
    text = (
        HEAD
        + 'codec = ["blosc-zstd", "gzip"]\nlevel = [5, 10]\nshuffle = ["none", "bit"]\n'
        + 'chunks = [16, 48, 64]\nshards = ["none", 32]\nformat = [2, 3]\n'
    )
    matrix = read(written(tmp_path, text))
    found = choose(matrix, (48, 48, 48), FLOAT, "v")
    assert matrix.count() == 2 * 2 * 2 * 3 * 2 * 2 == 96
    # Level 5 alone; of gzip no shuffle; chunks of 16 and 48 in both formats, 16 in shards of 32.
    assert len(found.configurations) == (2 + 1) * (2 * 2 + 1)
    assert found.excluded["the codec has no such level"] == 48
    assert found.excluded["the codec has no such shuffle"] == 12
    assert found.excluded["format 2 has no shards"] == 3 * 3
    assert sum(found.excluded.values()) == 96 - 15


def test_a_level_that_the_codec_would_round_is_none_of_its(tmp_path: Path) -> None:
    text = HEAD + 'codec = ["zstd", "zfpy"]\nlevel = [0.25, 3, 4.5]\nchunks = 8'
    found = choose(read(written(tmp_path, text)), (8, 8, 8), FLOAT, "v")
    names = [one.encoding for one in found.configurations]
    assert names == ["zstd-3", "zfpy-0.25", "zfpy-3", "zfpy-4.5"]
    assert found.excluded == {"the codec has no such level": 2}


def test_half_precision_is_not_given_to_codecs_that_do_not_take_it(tmp_path: Path) -> None:
    text = HEAD + 'codec = ["zfpy", "zstd"]\nlevel = 3\nchunks = 8'
    found = choose(read(written(tmp_path, text)), (8, 8, 8), np.dtype("f2"), "v")
    assert [one.encoding for one in found.configurations] == ["zstd-3"]


def test_levels_that_differ_have_names_that_do(tmp_path: Path) -> None:
    text = HEAD + 'codec = "zfpy"\nlevel = [0.01, 0.010000001]\nchunks = 8'
    found = choose(read(written(tmp_path, text)), (8, 8, 8), FLOAT, "v")
    assert len({one.name for one in found.configurations}) == 2


def test_integers_are_neither_rounded_nor_scaled(tmp_path: Path) -> None:
    text = (
        HEAD
        + 'codec = "zstd"\nlevel = 3\nchunks = 8\n'
        + 'kept_bits = ["none", 5]\nvoxel = ["same", "int8"]\n'
    )
    matrix = read(written(tmp_path, text))
    labels = choose(matrix, (8, 8, 8), np.dtype("u1"), "v")
    assert [one.name for one in labels.configurations] == ["zstd-3 8 v3"]
    floats = choose(matrix, (8, 8, 8), FLOAT, "v")
    assert len(floats.configurations) == 3, "bits are not rounded before they are scaled"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + 'codec = "blosk-zstd"\nchunks = 8', "did you mean blosc-zstd"),
        (HEAD + 'codec = "zstd"\nchunks = 0', "at least 1 voxel"),
        (HEAD + 'codec = "zstd"\nchunks = [[8, 8]]', "block.0.chunks"),
        (HEAD + 'codec = "zstd"\nchunks = -4', "at least 1 voxel"),
        (HEAD + 'codec = "zstd"\nchunks = 8\nformat = 4', "block.0.format"),
        (HEAD + 'codec = "zstd"\nchunks = 8\nshuffled = "bit"', "shuffled: there is no such key"),
        (HEAD + 'codec = "zstd"', "chunks"),
        ('title = "t"', "block"),
        ('title = "t"\naccess = ["xy"]\n' + HEAD[12:] + 'codec = "zstd"\nchunks = 8', "xy-slices"),
        (HEAD + "codec = []\nchunks = 8", "block.0.codec: .* at least 1 item"),
        (HEAD + 'codec = "zstd"\nchunks = []', "block.0.chunks: .* at least 1 item"),
        (HEAD + 'codec = "zstd"\nlevel = nan\nchunks = 8', "finite number"),
        ('title = "t"\nrepeats = "four"\n' + HEAD[12:] + 'codec = "zstd"\nchunks = 8', "repeats"),
        (HEAD + 'codec = "mine"\nchunks = 8\n' + MINE * 2, "a codec 'mine' already"),
        (HEAD + 'codec = "zstd"\nchunks = 8\n' + MINE.replace("mine", "zstd"), "'zstd' already"),
        (HEAD + 'codec = "mine"\nchunks = 8\n' + MINE + "speed = 3", "no such key"),
        ("title = ", "is no TOML"),
        ("title: t\nblock:\n- codec: zstd", "is no TOML"),
        ('{"title": "t"}', "is no TOML"),
        ("", "title: it is missing"),
    ],
)
def test_a_bad_matrix_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean quick"):
        read("quick2")


def test_a_shard_larger_than_the_volume_is_impossible(tmp_path: Path) -> None:
    matrix = read(written(tmp_path, HEAD + 'codec = "zstd"\nlevel = 3\nchunks = 8\nshards = 12'))
    with pytest.raises(InputError, match=r"a shard holds whole chunks \(1\)"):
        choose(matrix, (24, 24, 24), FLOAT, "v")
