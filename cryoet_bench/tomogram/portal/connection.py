"""Whether the two parts of the portal can be reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cryoet_data_portal import Dataset

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.bucket import PUBLIC_BUCKET, Bucket
from cryoet_bench.tomogram.portal.catalogue import PatientClient
from cryoet_bench.tomogram.portal.patience import PATIENCE, Patience

# The first dataset of the portal: a question with a short answer.
_FIRST_DATASET = 10000


@dataclass(frozen=True)
class Part:
    """One part of the portal, and what came of asking it."""

    name: str
    address: str
    seconds: float
    fault: str | None

    @property
    def reachable(self) -> bool:
        """Whether it answered."""
        return self.fault is None


def check(patience: Patience = PATIENCE) -> list[Part]:
    """Ask the catalogue and the bucket, each by itself."""
    client = PatientClient.current(patience)

    def ask_catalogue() -> None:
        client.ask(lambda it: Dataset.get_by_id(it, _FIRST_DATASET))

    with Bucket(PUBLIC_BUCKET, patience) as bucket:
        return [
            _asked("catalogue", client.url, ask_catalogue),
            _asked("bucket", f"s3://{PUBLIC_BUCKET}", bucket.check),
        ]


def _asked(name: str, address: str, question: Callable[[], None]) -> Part:
    start = time.monotonic()
    try:
        question()
        fault = None
    except InputError as error:
        fault = str(error)
    return Part(name, address, time.monotonic() - start, fault)
