"""A volume: an array of axes z, y, x that is read in boxes, and what its file says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.volume.boxes import Voxels, chunk_shape
from cryoet_bench.volume.spacing import Spacing


@dataclass(frozen=True)
class Note:
    """Something that whoever reads a file should know of it.

    Parameters
    ----------
    about : {"spacing", "chunks", "header", "content"}
        What it concerns. A note on the header is a contradiction; one on the content says how the
        file was understood.
    name : str
        Stable identifier, e.g. ``missing-chunks``.
    clause : str
        The sentence, without a capital and a full stop, so that several can be joined.
    harmless : bool
        Nothing is doubtful: it is only good to know.
    """

    about: Literal["spacing", "chunks", "header", "content"]
    name: str
    clause: str
    harmless: bool = False

    @property
    def sentence(self) -> str:
        """The clause as a sentence of its own."""
        return f"{self.clause[0].upper()}{self.clause[1:]}."


@dataclass(frozen=True)
class Volume:
    """A volume and what its store says of it.

    Parameters
    ----------
    name : str
        For reports.
    array : array of axes z, y, x
        numpy, memory-mapped, Zarr, Dask, or a view of one of them.
    voxel_spacing : tuple of float or None
        Along z, y, x in angstrom; None where the file does not say.
    facts : mapping of str to str, number or None
        Where it comes from.
    missing_chunks : sequence of tuple of int, or None
        Grid positions (along z, y, x) of the chunks that are not in the store; None where there
        are no chunks, or the store cannot list them.
    notes : sequence of Note
        What is unusual, incomplete or contradictory.
    """

    name: str
    array: Voxels
    voxel_spacing: Spacing | None = None
    facts: Mapping[str, str | float | int | None] = field(default_factory=dict)
    missing_chunks: Sequence[tuple[int, ...]] | None = None
    notes: Sequence[Note] = ()

    @property
    def chunks(self) -> tuple[int, int, int] | None:
        """The array's chunks, where it has any."""
        return chunk_shape(self.array)

    def about(self, subject: str) -> list[Note]:
        """Return the notes on a subject."""
        return [note for note in self.notes if note.about == subject]

    @property
    def disagreements(self) -> list[str]:
        """Where the header contradicts itself or the file, one clause each."""
        return [note.clause for note in self.about("header")]


def require_volume(array: Voxels, where: str) -> None:
    """Raise unless an array is a volume of real numbers.

    Raises
    ------
    InputError
        It has not three axes, no voxels, or values that are no real numbers of 64 bits at most.
    """
    shape = tuple(array.shape)
    if len(shape) != 3:
        raise InputError(f"{where} has {len(shape)} dimensions {shape}: a tomogram has three axes")
    if 0 in shape:
        raise InputError(f"{where} has no voxels: its shape is {shape}")
    # A mask or a phase is no density, and nothing here measures with more than 64 bits.
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(f"{where} holds {dtype} values: a tomogram has real numbers")
