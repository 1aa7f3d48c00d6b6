"""Two volumes read side by side; see `cryoet_bench.volume.bricks`."""

from cryoet_bench.volume.boxes import Box, Stored, Triple, Voxels, boxes
from cryoet_bench.volume.bricks import Brick, brick_shape, own, walk, working_dtype

__all__ = [
    "Box",
    "Brick",
    "Stored",
    "Triple",
    "Voxels",
    "boxes",
    "brick_shape",
    "own",
    "walk",
    "working_dtype",
]
