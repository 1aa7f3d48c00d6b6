"""Label volumes, checked against scikit-image's labelling of the same voxels."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from skimage.measure import label

from cryoet_bench.tomogram import phantom, segmentation


@pytest.fixture(scope="module")
def volume() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return phantom.make(phantom.PHANTOMS["phantom-tiny"]).data


def test_a_share_of_the_voxels_is_in_an_object(
    volume: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    labels = segmentation.segment(volume, "uint16")
    assert labels.dtype == np.uint16
    assert (labels > 0).mean() == pytest.approx(segmentation.SHARE, rel=0.05)
    assert volume[labels > 0].mean() < volume[labels == 0].mean()


def test_objects_are_those_that_scikit_image_finds() -> None:
    draw = np.random.default_rng(3)
    volume = draw.normal(size=(42, 37, 51))
    labels = segmentation.segment(volume, "uint16").astype(int)
    padded = np.pad(labels > 0, [(0, -n % 4) for n in labels.shape])
    z, y, x = (n // 4 for n in padded.shape)
    blocks = label(padded.reshape(z, 4, y, 4, x, 4).any(axis=(1, 3, 5)), connectivity=1)
    theirs = np.kron(blocks, np.ones((4, 4, 4), int))[:42, :37, :51] * (labels > 0)
    pairs = {(int(a), int(b)) for a, b in zip(labels.ravel(), theirs.ravel(), strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    sizes = np.bincount(labels.ravel())[1:]
    assert len(sizes) > 10
    assert (np.diff(sizes) <= 0).all()


def test_the_bytes_are_the_same_everywhere(
    volume: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    labels = segmentation.segment(volume, "uint16")
    assert hashlib.sha256(labels.tobytes()).hexdigest()[:16] == "7e6f3dadfa85787b"


def test_classes_are_thirds_of_the_objects() -> None:
    numbers = np.repeat(np.arange(7, dtype=np.uint16), 5)
    assert np.unique(numbers[segmentation.classes(numbers) == 1]).tolist() == [1, 2]
    assert np.bincount(segmentation.classes(numbers)).tolist() == [5, 10, 10, 10]


def test_a_constant_volume_has_no_objects() -> None:
    assert not segmentation.segment(np.zeros((5, 6, 7), np.float32), "uint16").any()
    assert not segmentation.segment(np.zeros((5, 6, 7), np.int8), "uint8").any()
