"""What is wanted from the portal, as options or written ``portal:DATASET/RUN/OPTION=VALUE/...``."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cryoet_bench.errors import InputError
from cryoet_bench.volume.region import Region, format_region, parse_region

PREFIX = "portal:"
DEFAULT_SUBSET = 128
# The portal's spacings are measured ones (10.012), people round them (10.01).
SPACING_TOLERANCE = 0.05
WHOLE = "whole"


class Request(BaseModel):
    """One subset of one tomogram of the CryoET Data Portal.

    Parameters
    ----------
    dataset, run : int, str
        The portal's dataset id and the run's name in it.
    spacing : float, optional
        Voxel spacing in angstrom, to 0.05.
    processing : str, optional
        As the portal says: raw, filtered, denoised, ...
    tomogram : int, optional
        The portal's tomogram id, where spacing and processing do not tell tomograms apart.
    level : int
        Level of the multiscale pyramid, 0 the finest.
    region : str, optional
        ``z0:z1,y0:y1,x0:x1`` in voxels of that level, or ``whole``.
    subset : int, optional
        Edge of a cube that the plan places where it touches the fewest chunks; 128 when neither
        `region` nor `subset` is given.
    source : {"zarr", "mrc"}
        The OME-Zarr or its MRC twin.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: int = Field(gt=0)
    run: str = Field(min_length=1, pattern=r"^[^/]+$")
    spacing: float | None = Field(default=None, gt=0)
    processing: str | None = None
    tomogram: int | None = Field(default=None, gt=0)
    level: int = Field(default=0, ge=0)
    region: str | None = None
    subset: int | None = Field(default=None, gt=0)
    source: Literal["zarr", "mrc"] = "zarr"

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        if self.region and self.subset:
            raise ValueError("choose a region or a subset, not both")
        if self.source == "mrc" and self.level:
            raise ValueError("the MRC twin has level 0 only")
        if self.box:
            # One way of writing a region, so that equal requests are equal.
            object.__setattr__(self, "region", format_region(self.box))
        return self

    @property
    def box(self) -> Region | None:
        """The region, or None for a subset that is still to be placed and for the whole volume."""
        return None if self.region in (None, WHOLE) else parse_region(self.region)

    @property
    def edge(self) -> int | None:
        """Edge of the cube to be placed, or None where the region says it all."""
        return None if self.region else self.subset or DEFAULT_SUBSET

    def matches(self, other: Request) -> bool:
        """Whether `other`, a complete request, gives what this one asks for."""
        spacing = self.spacing or other.spacing or 0.0
        return (
            abs(spacing - (other.spacing or 0.0)) <= SPACING_TOLERANCE
            and (self.dataset, self.run, self.level, self.source, self.edge, self.region)
            == (other.dataset, other.run, other.level, other.source, other.edge, other.region)
            and self.processing in (None, other.processing)
            and self.tomogram in (None, other.tomogram)
        )

    def __str__(self) -> str:
        options = self.model_dump(exclude={"dataset", "run"}, exclude_defaults=True)
        words = [str(self.dataset), self.run, *(f"{key}={it}" for key, it in options.items())]
        return PREFIX + "/".join(words)


def parse(spec: str) -> Request:
    """Return the request that ``portal:10445/TS_100_3/spacing=10.012/subset=128`` stands for.

    Raises
    ------
    InputError
        The text is not of that form.
    """
    words = spec.removeprefix(PREFIX).split("/")
    options = dict(word.partition("=")[::2] for word in words[2:])
    if len(words) < 2 or "" in options.values() or len(options) < len(words) - 2:
        raise InputError(
            f"{spec!r} does not name a tomogram of the portal: "
            f"write {PREFIX}DATASET/RUN, as {PREFIX}10445/TS_100_3/spacing=10.012"
        )
    return request({"dataset": words[0], "run": words[1]} | options, where=spec)


def request(options: dict[str, Any], *, where: str) -> Request:
    """Return the request with the given options.

    Raises
    ------
    InputError
        An option is unknown or has an impossible value; the message begins with `where`.
    """
    try:
        return Request.model_validate(options)
    except ValidationError as error:
        wrong = "; ".join(
            ".".join(map(str, it["loc"])) + ": " * bool(it["loc"]) + it["msg"]
            for it in error.errors()
        ).replace("Value error, ", "")
        raise InputError(f"{where}: {wrong}") from error
