from __future__ import annotations

import numpy as np
import pytest

from cryoet_bench.quality.fidelity import fsc, picking
from cryoet_bench.quality.fidelity.picking import Picker, match
from cryoet_bench.tomogram import Tomogram
from cryoet_bench.tomogram.phantom import PHANTOMS, Particle, make, particles


@pytest.fixture(scope="module")
def phantom() -> Tomogram:
    return make(PHANTOMS["phantom-10A"])


@pytest.fixture(scope="module")
def picker(phantom: Tomogram) -> Picker:
    band = fsc(phantom.data, phantom.data).band
    known = particles(PHANTOMS["phantom-10A"])
    return Picker(phantom.data, voxel_spacing=10.012, band=band, particles=known)


def test_most_known_particles_are_found(phantom: Tomogram, picker: Picker) -> None:
    score = picker.score(phantom.data)
    assert score.agreement == 1
    assert score.copy == score.reference > 0.85


def test_ruined_copies_lose_their_particles(phantom: Tomogram, picker: Picker) -> None:
    random = np.random.default_rng(0)
    sd = phantom.data.std()
    noisy = phantom.data + 3 * sd * random.standard_normal(phantom.shape).astype("f4")
    assert picker.score(-phantom.data).copy < 0.1
    assert picker.score(noisy).agreement < 0.9
    assert picker.score(phantom.data * 3 + 1).agreement > 0.95
    assert picker.score(np.zeros_like(phantom.data)).copy == 0


def test_without_known_particles_the_references_picks_are_wanted(phantom: Tomogram) -> None:
    band = fsc(phantom.data, phantom.data).band
    anyone = Picker(phantom.data, voxel_spacing=10.012, band=band)
    score = anyone.score(phantom.data)
    assert (score.agreement, score.copy, score.reference) == (1, None, None)
    assert anyone.score(np.roll(phantom.data, 20, 2)).agreement < 0.5


def test_a_volume_too_small_for_any_particle_has_no_score() -> None:
    a = np.random.default_rng(1).standard_normal((8, 8, 8)).astype("f4")
    assert Picker(a, voxel_spacing=10.0, band=fsc(a, a).band).score(a) is None


@pytest.mark.parametrize("radius", [3.0, 5.0, 6.5])
def test_a_ball_is_found_where_it_is(radius: float) -> None:
    centre = np.array([30.0, 20.0, 40.0])
    grid = np.indices((64, 48, 64)).reshape(3, -1).T
    inside = np.linalg.norm(grid - centre, axis=1) <= radius
    random = np.random.default_rng(2)
    volume = -1.0 * inside.reshape(64, 48, 64) + 0.3 * random.standard_normal((64, 48, 64))
    band = fsc(volume, volume).band
    best = match(volume, [radius], band)[0]
    assert np.linalg.norm(best.positions[0] - centre) <= max(1.0, radius / 3)
    assert best.scores[0] > 0.7 > best.scores[1]


def test_f_beta_weighs_recall_sixteenfold() -> None:
    # 3 hits, 5 picks, 4 particles: P = 0.6, R = 0.75, F = 17 P R / (16 P + R).
    expected = 17 * 0.6 * 0.75 / (16 * 0.6 + 0.75)
    assert picking._f_beta(3, 5, 4) == pytest.approx(expected)


def test_a_particle_is_taken_once_and_the_best_pick_chooses() -> None:
    truth = np.array([[0.0, 0, 0], [10, 0, 0]])
    picked = np.array([[1.0, 0, 0], [0, 1, 0], [10, 2, 0], [50, 0, 0]])
    np.testing.assert_array_equal(picking._hits(picked, truth, 2.0), [True, False, True, False])


def test_of_a_large_volume_the_middle_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    box = picking._central_box((184, 630, 630), 2**22)
    edges = [part.stop - part.start for part in box]
    assert np.prod(edges) <= 2**22
    assert edges[1] == edges[2]
    monkeypatch.setattr(picking, "LARGEST", 32**3)
    a = np.random.default_rng(3).standard_normal((64, 64, 64)).astype("f4")
    known = [Particle((32.0, 32.0, 32.0), 4.0), Particle((2.0, 2.0, 2.0), 4.0)]
    band = fsc(a, a).band
    searched = Picker(a, voxel_spacing=10.0, band=band, particles=known)
    assert list(searched._known) == [4.0]
    np.testing.assert_allclose(searched._known[4.0], [[16.0, 16.0, 16.0]])
