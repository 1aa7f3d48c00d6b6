from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from cryoet_bench.quality.report.plane import AXES, Axis, show_plane

# Where the corner with the largest index along each of two axes is seen: columns, then rows.
SEEN: dict[Axis, tuple[Axis, Axis]] = {"z": ("x", "y"), "y": ("x", "z"), "x": ("z", "y")}


@pytest.mark.parametrize("across", AXES)
def test_a_voxel_is_drawn_where_the_orientation_says(across: Axis) -> None:
    volume = np.zeros((40, 60, 80), np.float32)
    place = {"z": 30, "y": 50, "x": 70}
    volume[place["z"], place["y"], place["x"]] = 1
    plane = np.take(volume, place[across], AXES.index(across))
    axes = Figure().subplots()
    image = show_plane(axes, plane, across, (0, 1), mark=(30, 50, 70), spacing=(10, 10, 10))
    row, column = np.argwhere(np.asarray(image.get_array()) == 1)[0]
    columns, rows = SEEN[across]
    assert (column, row) == (place[columns], place[rows])
    assert axes.get_xlabel().startswith(columns)
    assert axes.get_ylabel().startswith(rows)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left < right
    assert bottom < top
