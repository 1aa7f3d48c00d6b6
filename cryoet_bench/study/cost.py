"""What a collection costs a year, what rewriting it costs once, and how far that may be off."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, Field

from cryoet_bench.errors import InputError
from cryoet_bench.storage.layouts import Shape
from cryoet_bench.study import whole
from cryoet_bench.study.configuration import Configuration
from cryoet_bench.study.schema import STRICT, checked, read_toml

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.study.subject import Subject

NAMED = Path(__file__).with_name("prices.toml")
RATIO_ELSEWHERE = 0.03
"""How far the ratio of another tomogram may be off, as a share, where a study has only one: the
phantoms of 5 and 10 angstrom and the portal's TS_100_3 lie within 2 % of each other."""

PORTAL_CHUNKS: Shape = (256, 256, 256)
"""What the CryoET Data Portal cuts its volumes into."""

_UNITS = {
    "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_DEAREST = 1e6  # dollars for a GB and month, an hour, a thousand requests: more is a mistake
_Amount = Annotated[float, Field(ge=0, le=_DEAREST)]


class Price(BaseModel):
    """What a store charges, in US dollars; GB is 1e9 bytes."""

    model_config = STRICT

    title: str
    storage_per_GB_month: _Amount  # noqa: N815  (the unit as it is written)
    write_per_1000: _Amount = 0
    read_per_1000: _Amount = 0
    write_per_GB: _Amount = 0  # noqa: N815
    read_per_GB: _Amount = 0  # noqa: N815
    egress_per_GB: _Amount = 0  # noqa: N815
    core_hour: _Amount = 0
    uncertainty: Annotated[float, Field(ge=0, lt=1)] = 0
    dated: dt.date
    source: str

    @property
    def label(self) -> str:
        """Its title and date."""
        return f"{self.title} ({self.dated:%Y-%m-%d})"

    @property
    def origin(self) -> str:
        """What it is, where it is from and how old, in words."""
        return (
            f"Prices as of {self.dated:%Y-%m-%d}, not looked up since: {self.title} "
            f"({self.source}); --price FILE takes yours."
        )

    @property
    def is_of_storage_alone(self) -> bool:
        """Whether reads cost nothing, or it is not known what."""
        return not (self.read_per_1000 or self.read_per_GB or self.egress_per_GB)


def flat(per_terabyte_month: float) -> Price:
    """Return a price that is known for storage alone.

    Raises
    ------
    InputError
        It is no price.
    """
    if not 0 <= per_terabyte_month / 1000 <= _DEAREST:
        raise InputError(f"{per_terabyte_month} is no price of a TB for a month: give dollars")
    return Price(
        title=f"${per_terabyte_month:g} a TB and month",
        storage_per_GB_month=per_terabyte_month / 1000,
        dated=dt.datetime.now(dt.UTC).date(),
        source="given on the command line",
    )


def read_price(name: str) -> Price:
    """Return a named price, or that of a TOML file with the same keys.

    Raises
    ------
    InputError
        There is none, or it is not one.
    """
    named = read_toml(NAMED, "the prices")
    if name in named:
        return checked(Price, named[name], f"the price {name}")
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(
            f"there is no price {name!r}: name a TOML file or one of {', '.join(named)}"
        )
    return checked(Price, read_toml(path, "the price"), f"the price {path}")


def parse_size(text: str) -> float:
    """Return bytes from text such as ``2.3GB``.

    Raises
    ------
    InputError
        It is no size.
    """
    match = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]i?B)\s*", text, re.IGNORECASE)
    try:
        number = float(match[1]) if match else 0.0
    except ValueError:
        number = 0.0
    if not match or not 0 < number < math.inf:
        raise InputError(f"{text!r} is no size: write it as in 2.3GB")
    return number * _UNITS[match[2].upper()]


@dataclass(frozen=True, kw_only=True)
class Collection:
    """What is stored, and how it is used.

    Parameters
    ----------
    volumes : int
        How many.
    mean_bytes : float, optional
        Of a volume without compression; that of the measured tomogram where left out.
    reads : float
        How often each volume is read as a whole in a year.
    downloaded : float
        Share of those reads that leaves the cloud.
    """

    volumes: int
    mean_bytes: float | None = None
    reads: float = 1.0
    downloaded: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no collection."""
        if self.volumes < 1 or not (self.mean_bytes is None or 0 < self.mean_bytes < math.inf):
            raise InputError("a collection has at least one volume, of at least one byte")
        if not 0 <= self.reads < math.inf or not 0 <= self.downloaded <= 1:
            raise InputError("reads a year are 0 or more, and the share of downloads is 0 to 1")

    def terms(self, price: Price) -> str:
        """Return what its yearly costs rest on, in words."""
        if price.is_of_storage_alone:
            return f"{price.label}, storage alone"
        times = "once" if self.reads == 1 else f"{self.reads:g} times"
        return (
            f"{price.label}, each volume read {times} a year and {100 * self.downloaded:.0f} % of "
            "that downloaded"
        )


@dataclass(frozen=True)
class Amount:
    """A number and how far it may be off.

    Parameters
    ----------
    value : float
        The best guess.
    share : float
        Relative uncertainty, two-sided 95 %.
    """

    value: float
    share: float = 0.0

    @property
    def low(self) -> float:
        """The lower end."""
        return self.value * max(0.0, 1 - self.share)

    @property
    def high(self) -> float:
        """The upper end."""
        return self.value * (1 + self.share)


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a collection needs and costs in one configuration.

    Parameters
    ----------
    configuration : str
        Which.
    stored_bytes, objects : Amount
        Of the whole collection.
    storage, requests, egress : Amount
        Dollars a year.
    rewriting : Amount
        Dollars, once: cores that decode and encode, and requests that write.
    core_hours : float
        Of the rewriting.
    """

    configuration: str
    stored_bytes: Amount
    objects: Amount
    storage: Amount
    requests: Amount
    egress: Amount
    rewriting: Amount
    core_hours: float

    @property
    def yearly(self) -> Amount:
        """Dollars a year."""
        parts = (self.storage, self.requests, self.egress)
        total = sum(part.value for part in parts)
        # They share the ratio and the price list, so that their errors add up.
        return Amount(total, sum(part.value * part.share for part in parts) / total if total else 0)


def ratio_uncertainty(rows: pd.DataFrame, configuration: str, *, labels: bool) -> float:
    """Return how far the ratio of another volume may be off, as a share.

    With several tomograms it is twice the relative standard deviation of their ratios; with one it
    is stated (`RATIO_ELSEWHERE`), or twice what the objects of the box differ, if that is more.

    Parameters
    ----------
    rows : pandas.DataFrame
        The summary of a study.
    configuration : str
        Its name.
    labels : bool
        Whether the volume holds labels: they are compressed like each other, not like densities.
    """
    own = rows[
        (rows["configuration"] == configuration)
        & (rows["labels"] == labels)
        & (rows["part_of"] == "")
    ]
    ratios = own["ratio"].to_numpy(np.float64)
    if len(ratios) > 1:
        return float(2 * ratios.std(ddof=1) / ratios.mean())
    return max(RATIO_ELSEWHERE, float(2 * own["object_spread"].fillna(0).max()))


def bill(
    row: Mapping[str, Any],
    configuration: Configuration,
    subject: Subject,
    collection: Collection,
    price: Price,
    uncertainty: float,
    decoding: float | None = None,
) -> Bill:
    """Return what a collection costs in a configuration.

    Parameters
    ----------
    row : mapping
        Of the summary; bytes and requests of the box stand for the whole.
    configuration, subject
        How is stored, and what.
    collection, price
        How much is stored, and where.
    uncertainty : float
        Of the ratio.
    decoding : float, optional
        Seconds that a read of the box takes in the layout that is rewritten; without it, in the
        new one.
    """
    raw = collection.volumes * (collection.mean_bytes or subject.whole_bytes)
    stored = Amount(raw / row["ratio"], uncertainty)
    # Volumes of another size have as many more objects.
    volumes = raw / subject.whole_bytes
    data = max(float(collection.volumes), volumes * whole.objects(configuration, subject.shape))
    objects = data + collection.volumes  # and the metadata of each
    of_each = row["read_requests"] / whole.objects(configuration, subject.box_shape)
    requests = collection.reads * data * of_each
    both = math.hypot(uncertainty, price.uncertainty)
    gigabytes = stored.value / 1e9
    seconds = (row.get("write_s") or 0.0) + (decoding or row.get("read_s") or 0.0)
    core_hours = seconds * raw / subject.box_bytes / 3600 if math.isfinite(seconds) else 0.0
    return Bill(
        configuration=configuration.name,
        stored_bytes=stored,
        objects=Amount(objects),
        storage=Amount(gigabytes * price.storage_per_GB_month * 12, both),
        requests=Amount(
            requests * price.read_per_1000 / 1000
            + collection.reads * gigabytes * price.read_per_GB,
            both,
        ),
        egress=Amount(
            collection.reads * collection.downloaded * gigabytes * price.egress_per_GB, both
        ),
        rewriting=Amount(
            core_hours * price.core_hour
            + objects * price.write_per_1000 / 1000
            + gigabytes * price.write_per_GB,
            both,
        ),
        core_hours=core_hours,
    )


def portal_layout(rows: pd.DataFrame) -> str | None:
    """Return the configuration whose bytes and times stand for the CryoET Data Portal's, if any.

    It writes Blosc-lz4 level 5 with byte shuffle in format 2 and chunks of `PORTAL_CHUNKS`; a box
    may have room for smaller chunks only, whose ratio is nearly the same.
    """
    alike = rows[
        (rows["encoding"] == "blosc-lz4-5-byteshuffle")
        & (rows["zarr_format"] == 2)
        & (rows["status"] == "passed")
    ]
    if alike.empty:
        return None
    return str(alike["objects"].idxmin())
