"""A matrix: which configurations a study measures, read from a file that is checked by a schema.

A file has blocks; each is the product of its axes, and the matrix is what all blocks give, each
configuration once. Combinations that make no sense are left out by rule, and counted.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from cryoet_bench.errors import InputError, hint
from cryoet_bench.storage.codecs import Shuffle
from cryoet_bench.storage.layouts import Shape
from cryoet_bench.study import whole
from cryoet_bench.study.configuration import Configuration, Voxel
from cryoet_bench.study.families import FAMILIES, Family, Foreign
from cryoet_bench.study.schema import STRICT, checked, read_toml
from cryoet_bench.study.trial import ACCESS

NAMED = Path(__file__).with_name("matrices")
"""The folder of the matrices that have a name."""

_MOST_OBJECTS = 100_000


def _shape(value: Any) -> Any:
    """Read an edge of a cube, or the edges along z, y, x."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * 3
    return tuple(value) if isinstance(value, list) else value


def _positive(shape: Shape) -> Shape:
    if min(shape) < 1:
        raise ValueError("an edge is at least 1 voxel")
    return shape


def _list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _known(access: str) -> str:
    if access in ACCESS:
        return access
    raise ValueError(f"there is no access pattern {access!r}: choose from {', '.join(ACCESS)}")


def _distinct(access: list[str]) -> list[str]:
    return list(dict.fromkeys(access))


def _own(codecs: list[Foreign]) -> list[Foreign]:
    """Refuse two codecs of one name: the results of one would stand for the other's."""
    taken = set(FAMILIES)
    for codec in codecs:
        if codec.name in taken:
            raise ValueError(f"there is a codec {codec.name!r} already: choose another name")
        taken.add(codec.name)
    return codecs


Edges = Annotated[Shape, BeforeValidator(_shape), AfterValidator(_positive)]
OneOrMore = BeforeValidator(_list)
NotEmpty = Field(min_length=1)
NoneWord = BeforeValidator(lambda value: None if value == "none" else value)


class _Strict(BaseModel):
    model_config = STRICT


class Block(_Strict):
    """A product of axes; "none" on the axes of shards and kept bits is one of their values."""

    codec: Annotated[list[str], OneOrMore, NotEmpty]
    level: Annotated[list[float], OneOrMore] = []
    shuffle: Annotated[list[Shuffle], OneOrMore, NotEmpty] = ["none"]
    chunks: Annotated[list[Edges], OneOrMore, NotEmpty]
    shards: Annotated[list[Annotated[Edges | None, NoneWord]], OneOrMore, NotEmpty] = [None]
    format: Annotated[list[Literal[2, 3]], OneOrMore, NotEmpty] = [3]
    voxel: Annotated[list[Voxel], OneOrMore, NotEmpty] = ["same"]
    kept_bits: Annotated[
        list[Annotated[Annotated[int, Field(ge=0)] | None, NoneWord]], OneOrMore, NotEmpty
    ] = [None]

    def count(self) -> int:
        """Return how many combinations there are, before any is made."""
        axes: tuple[Sequence[Any], ...] = (
            self.shuffle, self.chunks, self.shards, self.format, self.voxel, self.kept_bits,
        )  # fmt: skip
        return math.prod(map(len, axes)) * len(self.codec) * max(1, len(self.level))

    def combinations(self) -> Iterator[Configuration]:
        """Yield all of them."""
        levels: Sequence[float | None] = self.level or [None]
        for codec, level, shuffle, chunks, shards, number, voxel, bits in itertools.product(
            self.codec, levels, self.shuffle, self.chunks, self.shards, self.format, self.voxel,
            self.kept_bits,
        ):  # fmt: skip
            yield Configuration(
                codec=codec,
                level=level,
                shuffle=shuffle,
                chunks=chunks,
                shards=shards,
                zarr_format=number,
                voxel=voxel,
                kept_bits=bits,
            )


class Published(_Strict):
    """Figures that others published, by configuration and measure, for a volume of theirs."""

    source: str
    tomogram: str
    values: dict[str, dict[str, float]]


class Matrix(_Strict):
    """What a study measures.

    Attributes
    ----------
    title : str
        For people.
    edge : list of int
        The study judges a box of at most so many voxels a side, the largest of several; the
        smaller ones show how times grow with size.
    repeats : int
        Rounds of fresh processes.
    access : list of str
        Access patterns that are timed.
    python : str
        Interpreter of an environment of its own that has the codecs.
    block : list of Block
        The products.
    codec : list of Foreign
        Codecs of the user's own.
    published : Published or None
        Figures to compare with ours.
    """

    title: str
    edge: Annotated[list[Annotated[int, Field(ge=8)]], OneOrMore, NotEmpty] = [128]
    repeats: Annotated[int, Field(ge=1, le=100)] = 4
    access: Annotated[
        list[Annotated[str, AfterValidator(_known)]], OneOrMore, AfterValidator(_distinct)
    ] = ["xy-slices", "yz-slices"]
    python: str = ""
    block: Annotated[list[Block], NotEmpty]
    codec: Annotated[list[Foreign], AfterValidator(_own)] = []
    published: Published | None = None

    @property
    def foreign(self) -> dict[str, Foreign]:
        """The user's own codecs by name."""
        return {codec.name: codec for codec in self.codec}

    @property
    def families(self) -> dict[str, Family]:
        """All families that its blocks may name."""
        return FAMILIES | {name: foreign.family for name, foreign in self.foreign.items()}

    def count(self) -> int:
        """Return how many combinations there are, before any is made or left out."""
        return sum(block.count() for block in self.block)


@dataclass(frozen=True)
class Choice:
    """The configurations of a matrix for a volume.

    Parameters
    ----------
    configurations : tuple of Configuration
        Those that are measured, each once.
    excluded : mapping of str to int
        How many combinations each rule left out.
    """

    configurations: tuple[Configuration, ...]
    excluded: Mapping[str, int]


@dataclass(frozen=True)
class _Place:
    configuration: Configuration
    family: Family
    shape: Shape
    kind: str
    itemsize: int


Rule = Callable[[_Place], bool]


def _stored_kind(place: _Place) -> str:
    """Return the kind of numpy type that the codec is given."""
    voxel = place.configuration.voxel
    return place.kind if voxel == "same" else np.dtype(voxel).kind


def _mantissa(place: _Place) -> int:
    return {2: 10, 4: 23, 8: 52}[place.itemsize]


def _has_no_such_level(place: _Place) -> bool:
    family, level = place.family, place.configuration.level
    if family.level_of == "nothing":
        return False
    low, high = family.levels
    if level is None or not low <= level <= high:
        return True
    return family.level_of == "effort" and not level.is_integer()


_RULES: dict[str, Rule] = {
    "the codec has no such level": _has_no_such_level,
    "the codec has no such shuffle": lambda p: p.configuration.shuffle not in p.family.shuffles,
    "the format has no name for the codec": lambda p: (
        p.configuration.zarr_format not in p.family.formats
    ),
    "the codec does not take this type of voxel": lambda p: (
        _stored_kind(p) not in p.family.kinds or p.itemsize not in p.family.widths
    ),
    "format 2 has no shards": lambda p: (
        p.configuration.shards is not None and p.configuration.zarr_format == 2
    ),
    "a shard holds whole chunks": lambda p: (
        p.configuration.shards is not None
        and any(a % b for a, b in zip(p.configuration.shards, p.configuration.chunks, strict=True))
    ),
    "a shard of one chunk is that chunk": lambda p: (
        p.configuration.shards == p.configuration.chunks
    ),
    "the object is larger than the box": lambda p: any(
        edge > length for edge, length in zip(p.configuration.layout.objects, p.shape, strict=True)
    ),
    f"there are more than {_MOST_OBJECTS:,} objects": lambda p: (
        whole.objects(p.configuration, p.shape) > _MOST_OBJECTS
    ),
    "integers are neither rounded nor scaled": lambda p: (
        p.kind != "f" and p.configuration.is_reduced
    ),
    "integers are stored without loss": lambda p: p.kind != "f" and p.family.lossy,
    "the voxels have no more bits than are kept": lambda p: (
        p.kind == "f"
        and p.configuration.kept_bits is not None
        and p.configuration.kept_bits >= _mantissa(p)
    ),
    "two losses are not combined": lambda p: (
        sum(
            (
                p.configuration.kept_bits is not None,
                p.configuration.voxel != "same",
                p.family.lossy,
            )
        )
        > 1
    ),
    "the voxels have this type already": lambda p: (
        p.configuration.voxel == "float16" and p.itemsize == 2
    ),
}
"""Combinations that make no sense, by the reason; the first that holds counts."""


def choose(matrix: Matrix, shape: Shape, dtype: np.dtype[Any], where: str) -> Choice:
    """Return the configurations of a matrix that make sense for a volume.

    Parameters
    ----------
    matrix : Matrix
        As `read` returned it.
    shape, dtype
        Of the box that is measured.
    where : str
        The volume's name, for the message.

    Raises
    ------
    InputError
        None makes sense.
    """
    families = matrix.families
    excluded: Counter[str] = Counter()
    chosen: dict[Configuration, None] = {}
    for block in matrix.block:
        for one in block.combinations():
            family = families[one.codec]
            place = _Place(one, family, shape, dtype.kind, dtype.itemsize)
            reason = next((reason for reason, holds in _RULES.items() if holds(place)), None)
            if reason is None and family.level_of == "nothing":
                one = Configuration.of(one.facts() | {"level": None})  # noqa: PLW2901
            if reason is None and one in chosen:
                reason = "it is in the matrix already"
            if reason is None:
                chosen[one] = None
            else:
                excluded[reason] += 1
    if not chosen:
        reasons = "; ".join(f"{reason} ({count})" for reason, count in excluded.items())
        size = " x ".join(map(str, shape))
        raise InputError(
            f"no configuration of {matrix.title!r} makes sense for {where} ({size} {dtype}): "
            f"{reasons}"
        )
    return Choice(tuple(chosen), dict(excluded))


def names() -> list[str]:
    """Return the names of the matrices that have one."""
    return sorted(path.stem for path in NAMED.glob("*.toml"))


def read(name: str) -> Matrix:
    """Return a named matrix, or that of a TOML file.

    Raises
    ------
    InputError
        There is none, or it does not keep to the schema.
    """
    path = NAMED / f"{name}.toml" if name in names() else Path(name).expanduser()
    if not path.exists():
        what_to_do = hint(name, names(), f"named are {', '.join(names())}")
        raise InputError(f"there is no matrix {name!r}: {what_to_do}; a file is TOML")
    matrix = checked(Matrix, read_toml(path, "the matrix"), f"the matrix {name}")
    for block in matrix.block:
        for codec in block.codec:
            _require_known(codec, matrix, name)
    return matrix


def _require_known(codec: str, matrix: Matrix, name: str) -> None:
    known = matrix.families
    if codec not in known:
        what_to_do = hint(codec, known, f"known are {', '.join(known)}")
        raise InputError(
            f"the matrix {name} names the codec {codec!r}, which is not known: {what_to_do}"
        )
