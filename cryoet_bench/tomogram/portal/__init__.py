"""The CryoET Data Portal: search it, choose one tomogram, fetch a subset of it into the cache."""

from cryoet_bench.tomogram.portal.catalogue import Record, Search, search, select
from cryoet_bench.tomogram.portal.fetch import fetch, obtain
from cryoet_bench.tomogram.portal.report import Report
from cryoet_bench.tomogram.portal.request import Request

__all__ = [
    "Record",
    "Report",
    "Request",
    "Search",
    "fetch",
    "obtain",
    "search",
    "select",
]
