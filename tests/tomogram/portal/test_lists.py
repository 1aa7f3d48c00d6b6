from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal import lists
from cryoet_bench.tomogram.portal.request import Request


def test_the_dozen_that_ships_is_varied() -> None:
    requests = lists.load(lists.DOZEN)
    assert len(requests) == 12
    assert len(set(map(str, requests))) == 12
    assert len({it.dataset for it in requests}) >= 6
    assert len({it.spacing for it in requests}) >= 5
    assert {"raw", "filtered", "denoised"} <= {it.processing for it in requests}


def test_yaml_and_toml_say_the_same(tmp_path: Path) -> None:
    yaml, toml = tmp_path / "list.yaml", tmp_path / "list.toml"
    yaml.write_text(
        "tomograms:\n- {dataset: 1, run: TS_1, subset: 64}\n- {dataset: 2, run: TS_2}\n"
    )
    toml.write_text(
        '[[tomograms]]\ndataset = 1\nrun = "TS_1"\nsubset = 64\n'
        '[[tomograms]]\ndataset = 2\nrun = "TS_2"\n'
    )
    expected = [Request(dataset=1, run="TS_1", subset=64), Request(dataset=2, run="TS_2")]
    assert lists.load(str(yaml)) == lists.load(str(toml)) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", "", "has no 'tomograms'"),
        ("a.yaml", "tomograms: 3", "has no 'tomograms'"),
        ("a.yaml", "tomograms: [TS_1]", "has no 'tomograms'"),
        ("a.yaml", "tomograms: [{dataset: 1}]", "tomogram 1: run: Field required"),
        ("a.yaml", "tomograms: [{dataset: 1, run: a}, {dataset: 1, run: 2}]", "tomogram 2: run"),
        ("a.yaml", "tomograms: [", "cannot be understood"),
        ("a.toml", "tomograms = ", "cannot be understood"),
        ("a.yaml", b"\xff\xfe\x00", "cannot be read"),
        ("missing.yaml", None, "cannot be read"),
    ],
)
def test_a_list_that_is_none(
    tmp_path: Path, name: str, content: str | bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=said) as caught:
        lists.load(str(path))
    assert "\n" not in str(caught.value)
