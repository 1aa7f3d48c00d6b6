"""Look at an examined volume in napari."""

from __future__ import annotations

from typing import Any

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.quality.qc.inspection import Inspection
from cryoet_bench.quality.qc.kernels import BLOCK


def view(inspection: Inspection) -> Any:
    """Open napari with the volume, its hot voxels and its empty blocks, and return the viewer.

    Parameters
    ----------
    inspection : Inspection
        What `examine` or `inspect` returned.

    Raises
    ------
    InputError
        napari is not installed.
    """
    try:
        import napari  # noqa: PLC0415
    except ImportError:
        raise InputError("napari is not installed: pip install 'napari[all]'") from None
    found, scale = inspection.survey, inspection.volume.voxel_spacing or (1.0, 1.0, 1.0)
    viewer = napari.Viewer(title=inspection.volume.name)
    reach = 4 * found.sigma
    limits = (found.median - reach, found.median + reach) if reach > 0 else None
    viewer.add_image(
        inspection.volume.array, name=inspection.volume.name, scale=scale, contrast_limits=limits
    )
    if len(found.outliers.places):
        viewer.add_points(found.outliers.places, name="hot voxels", size=4, scale=scale)
    empty = np.argwhere(found.block_low == found.block_high)
    if len(empty):
        viewer.add_points(
            empty * BLOCK + (BLOCK - 1) / 2, name="empty blocks", size=BLOCK, scale=scale,
            symbol="square",
        )  # fmt: skip
    return viewer
