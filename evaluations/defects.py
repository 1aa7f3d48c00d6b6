"""Defects that are planted on purpose, each in strengths, and the findings that recognise them.

`OF_VOLUMES` shows in a volume by itself, to qc; `OF_COPIES` shows beside the reference, to verify.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from evaluations import plants

Array = npt.NDArray[Any]
Plant = Callable[[Array, np.random.Generator], Array]


@dataclass(frozen=True)
class Defect:
    """A defect in some strengths, strongest first.

    Parameters
    ----------
    name : str
        What it is.
    findings : tuple of str
        Any of these names it rightly.
    strengths : sequence of (str, callable)
        What is done, and a function of a volume (which it leaves alone) and a random generator.
    needs : str
        Kinds of numpy types that can hold it; empty for all.
    """

    name: str
    findings: tuple[str, ...]
    strengths: Sequence[tuple[str, Plant]]
    needs: str = ""

    def fits(self, volume: Array) -> bool:
        """Tell whether a volume can hold it: bytes have no order, integers no mantissa."""
        return not self.needs or volume.dtype.kind in self.needs


OF_VOLUMES = (
    Defect("NaN", ("non-finite",), [
        (f"{count} voxels", partial(plants.not_a_number, count=count)) for count in (1000, 30, 1)
    ]),
    Defect("hot voxels", ("hot-voxels",), [
        (f"{count} voxels of {height} sd", partial(plants.hot_voxels, count=count, height=height))
        for count, height in ((1000, 30), (100, 20), (10, 12))
    ]),
    Defect("clipping", ("clipped",), [
        (f"{share:g} at either end", partial(plants.clipping, share=share))
        for share in (1e-2, 1e-3, 1e-4)
    ]),
    Defect("int8 round trip", ("quantised",), [
        (f"over +-{reach} sd", partial(plants.round_trip, reach=reach)) for reach in (12, 6, 3)
    ]),
    Defect("zeroed chunk", ("empty-block", "missing-chunk", "repeated-value"), [
        (f"{edge}-cube", partial(plants.zeroed_chunk, edge=edge)) for edge in (64, 32, 16)
    ]),
    Defect("duplicated slice", ("duplicated-slice",), [
        ("8 along z", partial(plants.duplicated_slice, count=8, axis=0)),
        ("1 along z", partial(plants.duplicated_slice, count=1, axis=0)),
        ("1 along x", partial(plants.duplicated_slice, count=1, axis=2)),
    ]),
    Defect("swapped slices", ("swapped-slices",), [
        (f"{distance} apart", partial(plants.swapped_slices, distance=distance))
        for distance in (20, 5, 1)
    ]),
    Defect("constant slab", ("constant-slab",), [
        (f"{count} slices", partial(plants.constant_slab, count=count)) for count in (16, 4, 1)
    ]),
    Defect("gradient drift", ("gradient",), [
        (f"{rise} sd", partial(plants.gradient, rise=rise)) for rise in (4, 2, 1)
    ]),
    Defect("wrong byte order", ("wrong-byte-order",), [
        (f"{share:g} of the slices", partial(plants.wrong_byte_order, share=share))
        for share in (1.0, 0.5, 0.125)
    ]),
    Defect("inverted contrast", ("inverted-contrast",), [
        (f"with noise of {noise} sd", partial(plants.inverted, noise=noise))
        for noise in (0, 0.5, 1)
    ]),
    Defect("lost wedge", ("narrow-tilt-range",), [
        (f"beyond {limit} degrees", partial(plants.lost_wedge, limit=limit))
        for limit in (25, 35, 45)
    ]),
    *(
        Defect(f"{name} along {axis}", findings, [(label, partial(plant, axis=number, **strength))
               for label, strength in strengths])
        for name, findings, plant, strengths in (
            ("swapped slices", ("swapped-slices",), plants.swapped_slices, (
                ("20 apart", {"distance": 20}), ("5 apart", {"distance": 5}),
                ("1 apart", {"distance": 1}))),
            ("foreign slices", ("foreign-slice", "foreign-slab", "copied-block"),
             plants.foreign_slices, (
                ("1 slice", {"count": 1}), ("4 slices", {"count": 4}),
                ("2 slices", {"count": 2}))),
            ("lost slices", ("lost-slices",), plants.lost_slices, (
                ("10 slices", {"count": 10}), ("4 slices", {"count": 4}),
                ("1 slice", {"count": 1}))),
            ("raised slice", ("offset-slice",), plants.offset_slice, (
                ("3 sd", {"rise": 3}), ("1.5 sd", {"rise": 1.5}), ("0.7 sd", {"rise": 0.7}))),
            ("half scaled", ("scaled-part",), plants.scaled_part, (
                ("by 1.5", {"factor": 1.5}), ("by 1.3", {"factor": 1.3}),
                ("by 1.15", {"factor": 1.15}))),
            ("hot line", ("hot-line",), plants.hot_line, (
                ("10 sd", {"rise": 10}), ("5 sd", {"rise": 5}), ("2 sd", {"rise": 2}))),
        )
        for number, axis in enumerate("zyx")
        if (name, axis) != ("swapped slices", "z")
    ),
    *(
        Defect(name, findings, [
            (f"{edge}-cube", partial(cast("Any", plant), edge=edge, **options))
            for edge in (64, 32, 16)
        ])
        for name, findings, plant, options in (
            ("copied block", ("copied-block",), plants.copied_block, {}),
            ("copied block, mirrored", ("copied-block",), plants.copied_block, {"turn": 3}),
            ("copied block, transposed", ("copied-block",), plants.copied_block, {"turn": 8}),
            ("block mirrored along z", ("foreign-block",), plants.turned_block, {"turn": 1}),
            ("block mirrored along y and x", ("foreign-block",), plants.turned_block, {"turn": 6}),
            ("block transposed", ("foreign-block",), plants.turned_block, {"turn": 8}),
            ("block of noise", ("noise-block",), plants.noise_block, {}),
            ("block scaled by 1.5", ("scaled-block",), plants.scaled_block, {}),
        )
    ),
    Defect("integer wrap-around", ("wrapped",), [
        (f"beyond {reach} sd", partial(plants.wrapped, reach=reach)) for reach in (1.5, 2.5, 3.5)
    ]),
    Defect("flipped bits", ("damaged-rows",), [
        (f"bit {bit}, {rows} rows", partial(plants.flipped_bits, rows=rows, bit=bit))
        for bit, rows in ((22, 16), (22, 4), (21, 1))
    ]),
    Defect("half-precision subnormals", ("half-precision-subnormals",), [
        (f"sd {scale:g}", partial(plants.half_precision, sd=scale)) for scale in (5e-7, 2e-6, 6e-6)
    ]),
)  # fmt: skip

OF_COPIES = (
    Defect("NaN", ("nan-positions",), [
        (f"{count} voxels", partial(plants.not_a_number, count=count)) for count in (1000, 10, 1)
    ]),
    Defect("hot voxels", ("hot-voxels",), [
        (f"5 voxels of {height} sd", partial(plants.hot_voxels, count=5, height=height))
        for height in (100, 20, 10)
    ]),
    Defect("flipped bit of a voxel", ("flipped-bit",), [
        (bit, partial(plants.flipped_bit, share=share))
        for bit, share in (("the highest", 1), ("in the middle", 0.5), ("the lowest", 0))
    ]),
    Defect("zeroed chunk", ("missing-block",), [
        (f"{edge}-cube", partial(plants.zeroed_chunk, edge=edge)) for edge in (32, 16, 8)
    ]),
    Defect("duplicated slices", ("duplicated-slice",), [
        (f"{count} along z", partial(plants.duplicated_slice, count=count, axis=0))
        for count in (4, 2, 1)
    ]),
    Defect("swapped slices", ("swapped-slices",), [
        (f"{distance} apart", partial(plants.swapped_slices, distance=distance))
        for distance in (20, 5, 1)
    ]),
    Defect("constant slab", ("constant-slices",), [
        (f"{count} slices", partial(plants.constant_slab, count=count)) for count in (10, 3, 1)
    ]),
    Defect("clipping", ("clipping",), [
        (f"{share:g} at either end", partial(plants.clipping, share=share))
        for share in (2e-2, 1e-3, 2e-4)
    ]),
    Defect("gain", ("gain-error",), [
        (f"{factor:g}", partial(plants.gain, factor=factor)) for factor in (1.1, 1.01, 1.001)
    ]),
    Defect("offset", ("offset-error",), [
        (f"{rise:g} sd", partial(plants.offset, rise=rise)) for rise in (0.1, 0.01, 0.001)
    ]),
    Defect("inverted contrast", ("inverted-contrast",), [
        (f"gain {factor:g}", partial(plants.gain, factor=factor)) for factor in (-2, -1.1, -1)
    ]),
    Defect("shifted", ("shifted",), [
        (f"{voxels} voxels", partial(plants.shifted, voxels=voxels)) for voxels in (5, 2, 1)
    ]),
    Defect("mirrored", ("mirrored",), [
        (f"{axes} axes", partial(plants.mirrored, axes=axes)) for axes in (3, 2, 1)
    ]),
    Defect("wrong byte order", ("wrong-byte-order",), [
        ("all slices", partial(plants.wrong_byte_order, share=1)),
    ], needs="f"),
    Defect("half-precision subnormals", ("half-precision-subnormals",), [
        ("as it is", plants.half_precision),
    ], needs="f"),
    Defect("integer round trip", ("int8-round-trip",), [
        (f"{bits} bits", partial(plants.round_trip, bits=bits)) for bits in (5, 7, 8)
    ]),
    Defect("rounded mantissa", ("rounded-mantissa",), [
        (f"{bits} bits", partial(plants.rounded_mantissa, bits=bits)) for bits in (5, 8, 12)
    ], needs="f"),
    Defect("gradient drift", ("gradient-drift",), [
        (f"{rise:g} sd", partial(plants.gradient, rise=rise)) for rise in (1, 0.2, 0.04)
    ]),
    Defect("lost wedge", ("lost-wedge",), [
        (f"beyond {limit} degrees", partial(plants.lost_wedge, limit=limit))
        for limit in (30, 40, 50)
    ]),
    Defect("low-pass", ("smoothing",), [
        (f"{frequency:g} cycles/voxel", partial(plants.low_pass, frequency=frequency))
        for frequency in (0.1, 0.2, 0.35)
    ]),
    Defect("white noise", ("white-error",), [
        (f"{sd:g} sd", partial(plants.white_noise, sd=sd)) for sd in (0.5, 0.1, 0.01)
    ]),
)  # fmt: skip
