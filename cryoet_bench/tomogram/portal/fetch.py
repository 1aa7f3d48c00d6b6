"""From a request to a tomogram in the cache."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import cache
from cryoet_bench.tomogram.portal import catalogue, lists, transfer
from cryoet_bench.tomogram.portal.bucket import Bucket
from cryoet_bench.tomogram.portal.catalogue import Record
from cryoet_bench.tomogram.portal.grid import StoredArray, check_against_record
from cryoet_bench.tomogram.portal.mrc import MrcTwin
from cryoet_bench.tomogram.portal.ome_zarr import OmeZarrLevel
from cryoet_bench.tomogram.portal.patience import PATIENCE, Patience
from cryoet_bench.tomogram.portal.plan import Plan, plan
from cryoet_bench.tomogram.portal.report import Report
from cryoet_bench.tomogram.portal.request import Request, parse
from cryoet_bench.tomogram.volume import Tomogram
from cryoet_bench.volume.region import format_region

# The portal's terms: all of its data; its records do not repeat it.
LICENCE = "CC0-1.0"
_SPEC = "spec"


def obtain(spec: str, *, report: Report | None = None, patience: Patience = PATIENCE) -> Tomogram:
    """Return the tomogram that ``portal:DATASET/RUN/OPTION=VALUE/...`` means.

    A run alone means its first tomogram in the list that ships, so that people who name the same
    run measure the same tomogram. When one of the tomograms that were fetched before is meant, and
    only one, that is it, and the portal is not asked.

    Raises
    ------
    InputError
        Not one tomogram is meant, or it cannot be had; the message says what to do.
    """
    report = report or Report()
    request = _representative(parse(spec), report)
    found = list(_cached(request))
    if len(found) > 1:
        listed = "\n".join(f"  {it.provenance[_SPEC]}  ({it.name})" for it in found)
        raise InputError(f"{len(found)} fetched tomograms match {request}; choose one:\n{listed}")
    return fetch(request, report, patience)


def fetch(request: Request, report: Report, patience: Patience = PATIENCE) -> Tomogram:
    """Return the tomogram that a request means, and fetch it where the cache does not have it.

    When just one tomogram was fetched before for the same request, that is it, and the portal is
    not asked. Its voxels are mapped from the cache, not read.

    Raises
    ------
    InputError
        Not one tomogram is meant, or it cannot be had, or the cache cannot be written.
    """
    found = list(_cached(request))
    known = _recalled(found, report) if len(found) == 1 else None
    if known is not None:
        return known
    record = catalogue.select(request, patience)
    chosen = _complete(request, record)
    known = _recalled(list(_cached(chosen)), report) if len(found) > 1 else None
    if known is not None:
        return known
    with Bucket(urlparse(_location(chosen, record)).netloc, patience) as bucket:
        plan_ = _planned(chosen, bucket, record)
        report.say(plan_)
        with transfer.transfer_dir(_folder(chosen, plan_), plan_.version) as folder:
            volume, verified = transfer.carry_out(plan_, bucket, folder, report)
            provenance = _provenance(chosen, record, plan_) | {"verified": verified}
            name = _stored(volume, provenance, plan_)
    return cache.load(name, in_memory=False)


def _representative(request: Request, report: Report) -> Request:
    """Return the request with the shipped list's choice for a run, where it makes none itself."""
    if request.spacing or request.processing or request.tomogram:
        return request
    for listed in lists.load(lists.DOZEN):
        if (listed.dataset, listed.run) == (request.dataset, request.run):
            chosen = request.model_copy(
                update={"spacing": listed.spacing, "processing": listed.processing}
            )
            report.say(f"{request} means {chosen}, the first of this run in the list that ships")
            return chosen
    return request


def _cached(request: Request) -> Iterator[cache.Entry]:
    """Yield the tomograms that were fetched before for what a request asks."""
    for entry in cache.entries():
        if entry.source == "portal" and request.matches(parse(entry.provenance[_SPEC])):
            yield entry


def _recalled(found: list[cache.Entry], report: Report) -> Tomogram | None:
    if not found:
        return None
    try:
        tomogram = cache.load(found[0].name, in_memory=False)
    except cache.DamagedEntryError as error:
        report.say(f"{error.finding}; it is fetched again")
        return None
    report.say(f"{found[0].provenance[_SPEC]} is in the cache already")
    return tomogram


def _complete(request: Request, record: Record) -> Request:
    """Return the request that means this tomogram and no other."""
    return request.model_copy(
        update={
            "spacing": record.spacing,
            "processing": record.processing,
            "tomogram": record.tomogram,
            "subset": request.edge,
        }
    )


def _planned(request: Request, bucket: Bucket, record: Record) -> Plan:
    """Return the plan for a chosen tomogram, after checking what is stored against its record.

    Raises
    ------
    InputError
        The tomogram is not stored in that form, or disagrees with its record.
    """
    key = urlparse(_location(request, record)).path.strip("/")
    array: StoredArray = (
        OmeZarrLevel(bucket, key, request.level)
        if request.source == "zarr"
        else MrcTwin(bucket, key)
    )
    check_against_record(array.grid, record, request.level, array.address)
    return plan(array, request)


def _stored(volume: Path, provenance: dict[str, Any], plan_: Plan) -> str:
    """Move a finished volume into the cache and return its name there."""
    spacing = plan_.array.grid.spacing
    unnamed = Tomogram("", np.load(volume, mmap_mode="r"), spacing, "portal", provenance)
    run = re.sub(r"[^A-Za-z0-9._+-]", "_", provenance["run"])
    name = (
        f"{provenance['dataset']}-{run}-{spacing[0]:.4g}A"
        f"-{provenance['processing']}-{unnamed.sha256[:8]}"
    )
    cache.store(dataclasses.replace(unnamed, name=name), volume)
    return name


def _provenance(request: Request, record: Record, plan_: Plan) -> dict[str, Any]:
    return {
        _SPEC: str(request),
        "dataset": record.dataset,
        "run": record.run,
        "tomogram_id": record.tomogram,
        "spacing": record.spacing,
        "processing": record.processing,
        "level": request.level,
        "region": format_region(plan_.region),
        "address": plan_.array.address,
        "chunks": plan_.contents.chunks,
        "missing_chunks": plan_.contents.missing,
        "organism": record.organism,
        "sample": record.sample,
        "licence": LICENCE,
        "deposition": f"CZCDP-{record.deposition}",
        "doi": record.doi,
        "client": f"cryoet-data-portal {catalogue.client_version()}",
        "retrieved": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def _location(request: Request, record: Record) -> str:
    location = record.zarr if request.source == "zarr" else record.mrc
    if location is None:
        raise InputError(
            f"the portal has no {request.source} of {record.spec()}: choose the other source"
        )
    return location


def _folder(request: Request, plan_: Plan) -> str:
    region = format_region(plan_.region).replace(":", "-").replace(",", "_")
    return f"{request.tomogram}-{request.source}-{request.level}-{region}"
