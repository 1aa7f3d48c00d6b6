"""How a slice of a volume is shown: one orientation, axis names, a scale bar and a mark."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Array = npt.NDArray[Any]
Axis = Literal["z", "y", "x"]
AXES: tuple[Axis, ...] = ("z", "y", "x")
ORIENTATION = (
    "Orientation, as in IMOD: x runs to the right and y up; z runs up in the xz view and to the "
    "right in the yz view. Voxels count from 0."
)
# Columns and rows of the view across an axis; of the other two, the one that is stored last first.
_SHOWN: dict[Axis, tuple[Axis, Axis]] = {"z": ("x", "y"), "y": ("x", "z"), "x": ("z", "y")}
# More pixels than this are not seen on a page.
_EDGE = 640
_MARK = "#ff8c1a"


def show_plane(  # noqa: PLR0913  (what is shown, and how)
    axes: Axes,
    plane: Array,
    across: Axis,
    limits: tuple[float, float],
    *,
    colours: str = "gray",
    cell: int = 1,
    spacing: tuple[float, float, float] | None = None,
    mark: tuple[int, int, int] | None = None,
) -> AxesImage:
    """Show a slice in the orientation of `ORIENTATION`.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where it is drawn.
    plane : array, shape (y, x), (z, x) or (z, y)
        The slice across z, y or x as it is stored.
    across : {"z", "y", "x"}
        The axis that the slice is across.
    limits : tuple of float
        The values that are drawn darkest and brightest.
    colours : str
        A colour map of matplotlib.
    cell : int
        Voxels to a pixel of `plane`, along an edge.
    spacing : tuple of float, optional
        Along z, y, x in angstrom; the scale bar is in voxels where it is unknown.
    mark : tuple of int, optional
        A voxel (z, y, x) that hairlines point at.
    """
    columns, rows = _SHOWN[across]
    shown = plane.T if across == "x" else plane
    height, width = (n * cell for n in shown.shape)
    step = max(1, max(shown.shape) // _EDGE)
    image = axes.imshow(
        np.asarray(shown)[::step, ::step].astype(np.float64), cmap=colours, origin="lower",
        vmin=limits[0], vmax=limits[1], interpolation="nearest",
        extent=(-0.5, width - 0.5, -0.5, height - 0.5),
    )  # fmt: skip
    axes.set_xlabel(f"{columns} \N{RIGHTWARDS ARROW}", fontsize=8, labelpad=1)
    axes.set_ylabel(f"{rows} \N{RIGHTWARDS ARROW}", fontsize=8, labelpad=1)
    axes.tick_params(labelsize=7, length=2)
    axes.locator_params(nbins=3)
    if spacing is not None:
        axes.set_aspect(spacing[AXES.index(rows)] / spacing[AXES.index(columns)])
    if width >= 16 and height >= 8:
        _scale_bar(axes, width, spacing and spacing[AXES.index(columns)])
    if mark is not None:
        _hairlines(axes, mark[AXES.index(columns)], mark[AXES.index(rows)], (width, height))
    return image


def _scale_bar(axes: Axes, width: int, spacing: float | None) -> None:
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar  # noqa: PLC0415

    unit = 1.0 if spacing is None else spacing / 10
    length = _round_length(width * unit / 3)
    label = f"{length:g} {'voxels' if spacing is None else 'nm'}"
    bar = AnchoredSizeBar(
        axes.transData, length / unit, label, "lower right", color="white", pad=0.3, sep=2,
        borderpad=0.3, frameon=True, size_vertical=0, fontproperties={"size": 7},
    )  # fmt: skip
    bar.patch.set(facecolor="black", edgecolor="none", alpha=0.6)
    axes.add_artist(bar)


def _round_length(most: float) -> float:
    """Return 1, 2 or 5 times a power of ten, the largest that is not longer."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= most * (1 + 1e-9))


def _hairlines(axes: Axes, column: int, row: int, size: tuple[int, int]) -> None:
    """Draw lines from the four edges that stop short of a voxel, so that it stays visible."""
    gap = max(3.0, 0.03 * max(size))
    width, height = size
    for start, end in ((0, column - gap), (column + gap, width)):
        if start < end:
            axes.plot((start - 0.5, end - 0.5), (row, row), color=_MARK, lw=0.8)
    for start, end in ((0, row - gap), (row + gap, height)):
        if start < end:
            axes.plot((column, column), (start - 0.5, end - 0.5), color=_MARK, lw=0.8)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(-0.5, height - 0.5))
