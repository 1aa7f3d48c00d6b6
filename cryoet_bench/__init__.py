"""The performance record of Zarr for cryo-electron tomography.

This module stays light: benchmarks import it beside the oldest zarr of the timeline,
with numpy, zarr and numcodecs alone.
"""

__version__ = "0.1.0"
