"""Hold `verify` against verdicts that were written down beforehand: changes x profiles.

Usage: python -m evaluations.verify_matrix [TOMOGRAM] [--only PATTERN]   (default phantom-10A)

Every change has the wanted verdict for archival, analysis and visualisation (F fit, U unfit) and
the reason. Prints the disagreements and the agreement; exit code 1 below 95 %.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cryoet_bench.quality.fidelity.profiles import PROFILES
from cryoet_bench.quality.fidelity.verification import held_against, verify
from cryoet_bench.tomogram.sources import obtain
from cryoet_bench.volume import Volume
from evaluations import plants

Array = npt.NDArray[Any]
Pair = tuple[Array, Array]
BAR = 0.95
SPACING = (10.0, 10.0, 10.0)


@dataclass(frozen=True)
class Case:
    """A change, and what a colleague would say of the copy.

    Parameters
    ----------
    name : str
        What was done.
    make : callable
        Returns reference and copy, given a volume.
    wanted : str
        F (fit) or U (unfit) for archival, analysis, visualisation.
    reason : str
        Why.
    copy_spacing : tuple of float or None
        What the copy states.
    """

    name: str
    make: Callable[[Array], Pair]
    wanted: str
    reason: str
    copy_spacing: tuple[float, float, float] | None = SPACING


def beside(change: Callable[[Array], Array]) -> Callable[[Array], Pair]:
    """Return the pair of a volume and its changed copy."""
    return lambda volume: (volume, change(volume))


def itself(make: Callable[[Array], Array]) -> Callable[[Array], Pair]:
    """Return a pair of equal volumes that are made of a volume."""

    def pair(volume: Array) -> Pair:
        made = make(volume)
        return made, made.copy()

    return pair


def planted(plant: Callable[..., Array], seed: int = 3, **strength: Any) -> Callable[[Array], Pair]:
    """Return the pair of a volume and a copy that was damaged."""
    return beside(lambda volume: plant(volume, np.random.default_rng(seed), **strength))


def integers(volume: Array, dtype: str, reach: float) -> Array:
    """Store over +-reach sd as integers that keep the order of densities and not their values."""
    top, low = np.iinfo(dtype).max, np.iinfo(dtype).min
    share = (volume - volume.mean(dtype=float)) / (reach * volume.std(dtype=float)) / 2 + 0.5
    return np.clip(np.rint(share * (top - low)) + low, low, top).astype(dtype)


def eight_bits(volume: Array) -> Array:
    """Return the volume as the 8 bits of a camera or a viewer."""
    return integers(volume, "u1", 5)


def sixteen_bits(volume: Array) -> Array:
    """Store the volume's range as 16 bits and come back."""
    low, high = float(volume.min()), float(volume.max())
    return (np.rint((volume - low) / (high - low) * 65535) / 65535 * (high - low) + low).astype(
        "f4"
    )


def back_from_8_bits(volume: Array) -> Array:
    """Store as 8 bits over +-6 sd and come back."""
    return plants.round_trip(volume, np.random.default_rng(0), bits=8)


def cut_off(volume: Array, reach: float) -> Array:
    """Cut off what lies beyond +-reach sd."""
    mean, sd = volume.mean(dtype=float), volume.std(dtype=float)
    return np.clip(volume, mean - reach * sd, mean + reach * sd).astype(volume.dtype)


def half_a_voxel(volume: Array) -> Array:
    """Move by half a voxel along x, interpolated linearly, in the type of the volume."""
    wide = volume.astype(float)
    moved = (wide + np.roll(wide, 1, axis=2)) / 2
    return (np.rint(moved) if volume.dtype.kind in "iu" else moved).astype(volume.dtype)


def zeros_with(volume: Array, sign: float) -> Array:
    """Blank a border with zeros of one sign."""
    blank = volume.copy()
    blank[:8] = np.copysign(0.0, sign)
    return blank


def holes_with(volume: Array, payload: float) -> Array:
    """Blank a border with NaN of one sign."""
    holed = volume.copy()
    holed[:8] = np.copysign(np.nan, payload)
    return holed


def masked(volume: Array) -> Array:
    """Blank all but a cylinder."""
    y, x = np.ogrid[-1 : 1 : volume.shape[1] * 1j, -1 : 1 : volume.shape[2] * 1j]
    return np.where(y**2 + x**2 < 0.8, volume, 0).astype(volume.dtype)


def sign_flipped(volume: Array) -> Array:
    """Flip the sign of the voxel that lies nearest to one sd from zero."""
    copy = volume.copy()
    at = np.argmin(np.abs(volume - volume.std()))
    copy.flat[at] = -copy.flat[at]
    return copy


def binned(volume: Array) -> Array:
    """Return the means of 2 x 2 x 2 voxels."""
    z, y, x = (n // 2 for n in volume.shape)
    cubes = volume[: 2 * z, : 2 * y, : 2 * x].reshape(z, 2, y, 2, x, 2)
    return cubes.mean(axis=(1, 3, 5)).astype(volume.dtype)


def block_of(volume: Array, change: Callable[[Array], Array], edge: int = 32) -> Array:
    """Change one chunk of a grid."""
    copy = volume.copy()
    box = tuple(slice(n // (2 * edge) * edge, n // (2 * edge) * edge + edge) for n in volume.shape)
    copy[box] = change(volume[box])
    return copy


def slice_of(volume: Array, axis: int, change: Callable[[Array], Array]) -> Array:
    """Change one slice."""
    copy = np.moveaxis(volume.copy(), axis, 0)
    copy[len(copy) // 3] = change(copy)
    return np.ascontiguousarray(np.moveaxis(copy, 0, axis))


def bits_of_one(volume: Array, bit: int) -> Array:
    """Flip one bit of one voxel of float32."""
    copy = volume.copy()
    copy.view("u4")[tuple(n // 3 for n in volume.shape)] ^= np.uint32(1 << bit)
    return copy


CASES = (
    # What keeps every bit.
    Case("nothing", beside(np.copy), "FFF", "the bits are equal"),
    Case("big-endian", beside(lambda v: v.astype(">f4")), "FFF",
         "byte order is the format's choice"),
    Case("a constant", itself(lambda v: np.full(v.shape, 3.0, "f4")), "FFF", "the bits are equal"),
    Case("nothing but NaN", itself(lambda v: np.full(v.shape, np.nan, "f4")), "FFF",
         "the bits are equal"),
    Case("uint64", itself(lambda v: integers(v, "u4", 5).astype("u8") * 2**31), "FFF",
         "the bits are equal"),
    Case("a mask", itself(masked), "FFF", "the bits are equal"),
    Case("only one states the spacing", beside(np.copy), "FFF",
         "every voxel is kept; what is lacking is said", None),
    Case("contradicting spacings", beside(np.copy), "UUU",
         "all distances would be wrong", (8.0, 8.0, 8.0)),
    # What keeps every value.
    Case("float64", beside(lambda v: v.astype("f8")), "UFF", "another type, the same values"),
    Case("-0 for +0", lambda v: (zeros_with(v, 1), zeros_with(v, -1)), "UFF",
         "bits differ and no value does"),
    Case("another NaN", lambda v: (holes_with(v, 1), holes_with(v, -1)), "UFF",
         "bits differ and no value does"),
    # Losses: the limits say how much is too much.
    Case("float16, scaled", planted(plants.half_precision, sd=1, back=True), "UFF",
         "11 bits are enough"),
    Case("float16, subnormal", planted(plants.half_precision), "UFF",
         "steps of 0.01 sd"),
    Case("int16 and back", beside(sixteen_bits), "UFF",
         "16 bits are enough"),
    Case("int8 and back, +-6 sd", planted(plants.round_trip, bits=8), "UUF",
         "8 bits cost the weak shells"),
    Case("int8 of a masked volume", lambda v: (masked(v), back_from_8_bits(masked(v))), "UUF",
         "as of the whole volume"),
    Case("8 bits, cut off at 3 sd", planted(plants.round_trip, reach=3), "UUF",
         "what every viewer shows"),
    Case("5 bits, +-6 sd", planted(plants.round_trip, bits=5), "UUU", "steps of 0.4 sd"),
    Case("7 bits of mantissa", planted(plants.rounded_mantissa, bits=7), "UFF",
         "errors of 0.2 %"),
    Case("2 bits of mantissa", planted(plants.rounded_mantissa, bits=2), "UUF",
         "errors of 7 %"),
    Case("noise of 0.01 sd", planted(plants.white_noise, sd=0.01), "UFF",
         "a lossy codec's bound"),
    Case("noise of 0.08 sd", planted(plants.white_noise, sd=0.08), "UUF",
         "weak shells lose more than 0.2 %"),
    Case("noise of 0.5 sd", planted(plants.white_noise, sd=0.5), "UUU", "visibly noisier"),
    Case("low-pass at 0.35", planted(plants.low_pass, frequency=0.35), "UUF",
         "high shells are weakened, the look is kept"),
    Case("low-pass at 0.1", planted(plants.low_pass, frequency=0.1), "UUU",
         "visibly blurred"),
    Case("cut off at 4 sd", beside(partial(cut_off, reach=4)), "UUF",
         "no display shows more"),
    Case("cut off at 1 sd", beside(partial(cut_off, reach=1)), "UUU",
         "particles are flat"),
    Case("lost wedge, 30 degrees", planted(plants.lost_wedge, limit=30), "UUU",
         "half of the tilts are gone"),
    # Grey scales.
    Case("gain 1.001", planted(plants.gain, factor=1.001), "UFF", "within the limit"),
    Case("gain 1.1", planted(plants.gain, factor=1.1), "UUF",
         "thresholds move; a display adapts"),
    Case("gain 3", planted(plants.gain, factor=3), "UUF", "as 1.1"),
    Case("offset of 0.001 sd", planted(plants.offset, rise=0.001), "UFF",
         "within the limit"),
    Case("offset of 0.1 sd", planted(plants.offset, rise=0.1), "UUF",
         "thresholds move; a display adapts"),
    Case("offset of 5 sd", planted(plants.offset, rise=5), "UUF", "as 0.1"),
    Case("int16 on a scale of its own", beside(partial(integers, dtype="i2", reach=15)), "UUF",
         "grey values have another meaning; a display adapts"),
    Case("uint8 of a viewer", beside(partial(integers, dtype="u1", reach=8)), "UUF",
         "grey values have another meaning; a display adapts"),
    Case("inverted", planted(plants.gain, factor=-1), "UUU", "contrast has its sign"),
    Case("gradient of 0.005 sd", planted(plants.gradient, rise=0.01), "UFF", "too small"),
    Case("gradient of 0.5 sd", planted(plants.gradient, rise=1), "UUU", "visible"),
    # Damage, by its worst place.
    Case("last bit of a voxel", beside(partial(bits_of_one, bit=0)), "UFF",
         "the storage is at fault, no result changes"),
    Case("highest bit of an exponent", beside(partial(bits_of_one, bit=30)), "UUU",
         "a voxel of 1e33 spoils every statistic"),
    Case("sign of one voxel", beside(sign_flipped), "UUF", "2 sd in one voxel is no dot"),
    Case("one NaN", planted(plants.not_a_number, count=1), "UUU",
         "spreads in the first transform"),
    Case("100 voxels of 20 sd", planted(plants.hot_voxels, count=100, height=20), "UUU", "dots"),
    Case("a line of +10 sd", beside(lambda v: block_of(v, partial(line_raised, rise=10 * v.std()))),
         "UUU", "a line is seen"),
    Case("zeroed chunk of 32", planted(plants.zeroed_chunk, edge=32), "UUU", "a hole"),
    Case("zeroed chunk of 8", planted(plants.zeroed_chunk, edge=8), "UUU", "a small hole"),
    Case("block of noise", beside(lambda v: block_of(v, partial(noise_like, like=v))), "UUU",
         "another block"),
    Case("block mirrored", beside(lambda v: block_of(v, lambda b: b[:, :, ::-1])), "UUU",
         "another block"),
    Case("block transposed", beside(lambda v: block_of(v, lambda b: b.transpose(0, 2, 1))), "UUU",
         "another block"),
    Case("block from elsewhere", beside(lambda v: block_of(v, lambda _: v[:32, :32, :32])), "UUU",
         "another block"),
    Case("block times 1.5", beside(lambda v: block_of(v, lambda b: b * 1.5)), "UUU",
         "a block stands out"),
    Case("block mirrored, then 8 bits",
         beside(lambda v: back_from_8_bits(block_of(v, lambda b: b[::-1]))), "UUU",
         "a loss hides no damage"),
    Case("foreign slice z", beside(lambda v: slice_of(v, 0, lambda s: s[0, ::-1])), "UUU",
         "another slice"),
    Case("foreign slice x", beside(lambda v: slice_of(v, 2, lambda s: s[0, ::-1])), "UUU",
         "another slice"),
    Case("foreign slice, then 8 bits",
         beside(lambda v: back_from_8_bits(slice_of(v, 1, lambda s: s[0, ::-1]))), "UUU",
         "a loss hides no damage"),
    Case("neighbouring slices swapped", planted(plants.swapped_slices, distance=1), "UUU",
         "flickers"),
    Case("a slice repeated", planted(plants.duplicated_slice, count=1, axis=2), "UUU",
         "a slice is lost"),
    Case("a constant slice", planted(plants.constant_slab, count=1), "UUU", "a slice is lost"),
    Case("a slice of +3 sd",
         beside(lambda v: slice_of(v, 0, lambda s: s[len(s) // 3] + 3 * v.std())), "UUU",
         "a slice stands out"),
    Case("half the volume times 1.5", beside(lambda v: half_of(v, 1.5)), "UUU", "an edge is seen"),
    # Geometry.
    Case("moved by a voxel", planted(plants.shifted, voxels=1), "UUU",
         "positions are wrong"),
    Case("moved by half a voxel", beside(half_a_voxel), "UUU", "positions are wrong"),
    Case("half a voxel in 8 bits", lambda v: (eight_bits(v), half_a_voxel(eight_bits(v))), "UUU",
         "positions are wrong"),
    Case("mirrored", planted(plants.mirrored, axes=1), "UUU", "the handedness is wrong"),
    Case("mirrored, then 8 bits", beside(lambda v: back_from_8_bits(v[:, ::-1])), "UUU",
         "a loss hides no damage"),
    Case("x and z exchanged", beside(lambda v: v.transpose(2, 1, 0)), "UUU", "another orientation"),
    Case("wrong byte order", planted(plants.wrong_byte_order, share=1), "UUU", "no densities"),
    Case("a slice short", beside(lambda v: v[:-1]), "UUU", "another shape"),
    Case("padded", beside(lambda v: np.pad(v, 2)), "UUU", "another shape"),
    Case("level 1 of a pyramid", beside(binned), "UUU", "another shape"),
    Case("another constant", lambda v: (np.ones_like(v), np.full_like(v, 2)), "UUU",
         "nothing is kept"),
    Case("another tomogram", beside(lambda v: np.roll(v[::-1, :, ::-1], 31, axis=1)), "UUU",
         "nothing is kept"),
)  # fmt: skip


def line_raised(block: Array, rise: float) -> Array:
    """Raise one line of a block."""
    raised = block.copy()
    raised[5, 7] += np.asarray(rise, block.dtype)
    return raised


def noise_like(block: Array, like: Array) -> Array:
    """Return white noise of a volume's mean and sd in the shape of a block."""
    noise = np.random.default_rng(4).standard_normal(block.shape)
    return (noise * like.std(dtype=float) + like.mean(dtype=float)).astype(block.dtype)


def half_of(volume: Array, factor: float) -> Array:
    """Scale one half of a volume."""
    copy = volume.copy()
    copy[:, : volume.shape[1] // 2] *= np.asarray(factor, volume.dtype)
    return copy


def said(case: Case, volume: Array) -> tuple[str, str]:
    """Return the verdicts of `verify` in the notation of a case, and what it recognised."""
    first, second = case.make(volume)
    reference = Volume("reference", first, SPACING)
    copy = Volume("copy", np.ascontiguousarray(second), case.copy_spacing)
    verdicts, names = "", ""
    comparison = verify(reference, copy, PROFILES["archival"]).comparison
    for name in PROFILES:
        found = held_against(PROFILES[name], reference, copy, comparison)
        verdicts += "U" if found.verdict == "fail" else "F"
        failed = [check.key for check in found.checks if check.verdict == "fail"]
        names = ", ".join(defect.name for defect in found.comparison.defects)
        names += f" [{name}: {', '.join(failed)}]" if failed and name == "visualisation" else ""
    return verdicts, names


def main() -> int:
    """Print the table and the agreement; the exit code tells whether it is enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tomogram", nargs="?", default="phantom-10A")
    parser.add_argument("--only", default="", help="Regular expression: the changes to make.")
    arguments = parser.parse_args()
    volume = obtain(arguments.tomogram).data.astype(np.float32)
    table = Table("change", "wanted", "said", "recognised", "reason")
    agreed = total = 0
    chosen = [case for case in CASES if re.search(arguments.only, case.name)]
    for case in track(chosen, "Comparing", console=Console(stderr=True), transient=True):
        verdicts, names = said(case, volume)
        right = sum(a == b for a, b in zip(case.wanted, verdicts, strict=True))
        agreed, total = agreed + right, total + len(case.wanted)
        shown = verdicts if right == len(case.wanted) else f"[red]{verdicts}[/]"
        table.add_row(case.name, case.wanted, shown, names.replace("[", r"\["), case.reason)
    Console(width=150).print(table)
    print(f"{agreed} of {total} verdicts agree ({100 * agreed / total:.1f} %)")
    return int(agreed < BAR * total)


if __name__ == "__main__":
    sys.exit(main())
