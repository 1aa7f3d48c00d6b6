"""The portal's catalogue: its records of tomograms, found by what people know of them."""

from __future__ import annotations

import fnmatch
import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import cryoet_data_portal
from cryoet_data_portal import Dataset, Run, Tomogram
from gql.transport.exceptions import TransportError
from graphql import GraphQLError
from tenacity import Retrying

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.patience import PATIENCE, Patience, UnavailableError, within
from cryoet_bench.tomogram.portal.placement import Shape, written_shape
from cryoet_bench.tomogram.portal.request import SPACING_TOLERANCE, Request

PORTAL_VARIABLE = "CRYOET_BENCH_PORTAL_URL"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the portal says about one tomogram.

    Parameters
    ----------
    dataset, run, tomogram : int, str, int
        Dataset id, run name, tomogram id.
    shapes : tuple of (int, int, int)
        Voxels along z, y, x of each level that the record names, the finest first.
    spacing : float
        Voxel spacing of the finest level in angstrom.
    zarr, mrc : str or None
        Where the two forms lie, as ``s3://bucket/key``.
    """

    dataset: int
    run: str
    tomogram: int
    shapes: tuple[Shape, ...]
    spacing: float
    processing: str
    method: str
    sample: str
    organism: str
    title: str
    deposition: int
    doi: str
    zarr: str | None
    mrc: str | None

    def spec(self, *, with_id: bool = False) -> str:
        """Return the request that chooses this tomogram."""
        return str(
            Request(
                dataset=self.dataset,
                run=self.run,
                spacing=self.spacing,
                processing=self.processing,
                tomogram=self.tomogram if with_id else None,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Search:
    """What the wanted tomograms have in common; None leaves it open.

    Parameters
    ----------
    dataset : int, optional
        Dataset id.
    organism : str, optional
        A part of the organism's name.
    run : str, optional
        The run's name, with ``*`` and ``?`` for any letters and any letter.
    spacing : float, optional
        Voxel spacing in angstrom, to 0.05.
    processing : str, optional
        As the portal says: raw, filtered, denoised, ...
    """

    dataset: int | None = None
    organism: str | None = None
    run: str | None = None
    spacing: float | None = None
    processing: str | None = None


def client_version() -> str:
    """Return the version of the portal's client."""
    return str(cryoet_data_portal.__version__)


def search(wanted: Search, patience: Patience = PATIENCE) -> list[Record]:
    """Return the records of all tomograms that were asked for, in a fixed order.

    Raises
    ------
    InputError
        Nothing was asked for, or the portal cannot be asked.
    """
    if wanted == Search():
        raise InputError(
            "say what to search for: a dataset, an organism, a run, a spacing or a processing"
        )
    filters: list[Any] = []
    if wanted.dataset is not None:
        filters.append(Tomogram.run.dataset_id == wanted.dataset)
    if wanted.organism is not None:
        filters.append(Tomogram.run.dataset.organism_name.ilike(f"%{wanted.organism}%"))
    if wanted.run is not None:
        like = wanted.run.replace("*", "%").replace("?", "_")
        filters.append(Tomogram.run.name.ilike(like))
    if wanted.spacing is not None:
        filters.append(Tomogram.voxel_spacing >= wanted.spacing - SPACING_TOLERANCE)
        filters.append(Tomogram.voxel_spacing <= wanted.spacing + SPACING_TOLERANCE)
    if wanted.processing is not None:
        filters.append(Tomogram.processing == wanted.processing)
    records = _records(filters, patience)
    # An underscore in a run's name is any letter to the server.
    return [
        it for it in records if fnmatch.fnmatchcase(it.run.lower(), (wanted.run or "*").lower())
    ]


def select(request: Request, patience: Patience = PATIENCE) -> Record:
    """Return the one tomogram that a request means.

    Raises
    ------
    InputError
        None or several match; the message lists the candidates and how to choose one.
    """
    of_run = _records(
        [Tomogram.run.dataset_id == request.dataset, Tomogram.run.name == request.run], patience
    )
    if not of_run:
        raise InputError(
            f"the portal has no tomogram of run {request.run} in dataset {request.dataset}: "
            f"'cryoet-bench tomogram search --dataset {request.dataset}' shows what it has"
        )
    candidates = [it for it in of_run if _is_meant(it, request)]
    if len(candidates) == 1:
        return candidates[0]
    matching = f"{len(candidates)} tomograms match" if candidates else "no tomogram matches"
    raise InputError(
        f"{matching} {request}; choose one of these "
        "by its spacing, processing or tomogram id:\n" + _listed(candidates or of_run)
    )


class PatientClient(cryoet_data_portal.Client):  # type: ignore[misc]
    """The portal's client with a time limit: by itself it would wait for an answer for ever.

    It asks at ``CRYOET_BENCH_PORTAL_URL`` where that is set, else at its own address.
    """

    def __init__(self, url: str | None, patience: Patience) -> None:
        super().__init__(url)
        self.patience = patience

    @classmethod
    def current(cls, patience: Patience) -> Self:
        """Return the client for the address that is set now."""
        return cls._made(os.environ.get(PORTAL_VARIABLE), patience)

    @classmethod
    @functools.cache
    def _made(cls, url: str | None, patience: Patience) -> Self:
        # Making one takes half a second, for parsing the portal's schema.
        return cls(url, patience)

    def get_client(self) -> Any:
        """Return the transport of one query."""
        client = super().get_client()
        client.transport.default_timeout = self.patience.timeout
        # One place decides about repetitions: Patience.
        client.transport.retries = 0
        return client

    def ask[Answer](self, question: Callable[[Self], Answer]) -> Answer:
        """Return the answer to a question put to this client.

        Raises
        ------
        InputError
            The question has a value that the portal's schema does not allow, or there is no
            answer after all attempts.
        """

        def once() -> Answer:
            try:
                return within(self.patience.answer, lambda: question(self))
            except GraphQLError as error:
                raise InputError(f"the portal's catalogue has no such value: {error}") from error
            except TransportError as error:
                raise UnavailableError(" ".join(str(error).split())[:300]) from error
            # gql asserts that an answer has data.
            except (AssertionError, TypeError, KeyError, ValueError) as error:
                raise UnavailableError(f"its answer cannot be understood ({error!r})") from error

        try:
            return Retrying(**self.patience.policy())(once)
        except UnavailableError as error:
            raise InputError(
                f"the portal's catalogue at {self.url} did not answer, "
                f"asked {self.patience.attempts} times: {error}"
            ) from error


def _records(filters: list[Any], patience: Patience) -> list[Record]:
    """Return the records of matching tomograms: three queries, however many there are."""

    def question(client: Any) -> list[Record]:
        tomograms = Tomogram.find(client, filters)
        runs = _by_id(Run, client, {it.run_id for it in tomograms})
        datasets = _by_id(Dataset, client, {it.dataset_id for it in runs.values()})
        return [
            _record(it, runs[it.run_id], datasets[runs[it.run_id].dataset_id]) for it in tomograms
        ]

    return sorted(
        PatientClient.current(patience).ask(question),
        key=lambda it: (it.dataset, it.run, it.spacing, it.processing, it.tomogram),
    )


def _by_id(model: Any, client: Any, ids: Iterable[int]) -> dict[int, Any]:
    wanted = sorted(ids)
    return {it.id: it for it in model.find(client, [model.id._in(wanted)])} if wanted else {}


def _record(tomogram: Any, run: Any, dataset: Any) -> Record:
    finest = (tomogram.size_z, tomogram.size_y, tomogram.size_x)
    coarser = (tomogram.scale_1_dimensions, tomogram.scale_2_dimensions)
    return Record(
        dataset=dataset.id,
        run=run.name,
        tomogram=tomogram.id,
        shapes=(finest, *(_shape(it) for it in coarser if it)),
        spacing=tomogram.voxel_spacing,
        processing=tomogram.processing,
        method=tomogram.reconstruction_method,
        sample=dataset.sample_type or "",
        organism=dataset.organism_name or "",
        title=dataset.title,
        deposition=tomogram.deposition_id,
        doi=tomogram.publications or dataset.dataset_publications or "",
        zarr=tomogram.s3_omezarr_dir,
        mrc=tomogram.s3_mrc_file,
    )


def _shape(dimensions: str) -> Shape:
    """Return the shape (z, y, x) of the portal's ``x,y,z``."""
    x, y, z = (int(it) for it in dimensions.split(","))
    return z, y, x


def _is_meant(record: Record, request: Request) -> bool:
    return (
        (request.spacing is None or abs(record.spacing - request.spacing) <= SPACING_TOLERANCE)
        and request.processing in (None, record.processing)
        and request.tomogram in (None, record.tomogram)
    )


def _listed(records: list[Record]) -> str:
    specs = [it.spec() for it in records]
    return "\n".join(
        f"  {it.spec(with_id=specs.count(spec) > 1)}"
        f"  (id {it.tomogram}, {written_shape(it.shapes[0])} voxels, {it.method})"
        for it, spec in zip(records, specs, strict=True)
    )
