"""asv's results of a release as its commands fill or empty them: what they do goes into the record.

Plain asv keeps results after a whole round of a release, in files of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from asv.results import Results

from cryoet_bench import variables
from cryoet_bench.measure import visits
from cryoet_bench.measure.asv import files
from cryoet_bench.measure.asv.checkout import Checkout
from cryoet_bench.measure.asv.ending import in_asvs_words
from cryoet_bench.measure.asv.environment import ReleaseEnvironment
from cryoet_bench.measure.asv.processes import measured
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Journal, Round
from cryoet_bench.record.record import Series


class Recorded(Results):  # type: ignore[misc]
    """asv's results of one release, which it fills round by round: each goes into the record."""

    # asv makes the instances, so what is the same for all of a command is the class's.
    checkout: Checkout
    machine: str
    origin: str
    quick: bool

    @classmethod
    def begin(cls, checkout: Checkout, machine: str, origin: str, *, quick: bool) -> None:
        """Say where what follows belongs."""
        cls.checkout, cls.machine, cls.origin, cls.quick = checkout, machine, origin, quick

    def load_data(self, result_dir: str) -> None:
        """Load what is known; asv does so where it will save."""
        super().load_data(result_dir)
        self._revision = self.checkout.revisions.by_commit[self.commit_hash]
        self._journal = self.checkout.record.journal(self._series)
        self._visit = ""
        numbers = [entry.round for entry in self._journal.rounds]
        ReleaseEnvironment.hash_seed = 1 + max(numbers, default=0)

    def add_result(self, benchmark: dict[str, Any], result: Any, **options: Any) -> None:
        """Take a round of a benchmark: it is in the record before this returns."""
        super().add_result(benchmark, result, **options)
        if not hasattr(self, "_journal") or not self._is_installed:
            return
        if not self._visit:
            visit = visits.begun(
                Path.cwd(), self.origin, ReleaseEnvironment.present, quick=self.quick
            )
            self._journal.begin(visit)
            self._visit = visit.id
        described = Benchmark(benchmark)
        chosen = options.get("selected_idx")
        indices = range(len(described.cases)) if chosen is None else sorted(chosen)
        started: datetime = options["started_at"]
        self._journal.append(
            Round(
                described.name,
                described.version,
                self._number(described),
                started.isoformat(timespec="milliseconds"),
                round((datetime.now(started.tzinfo) - started).total_seconds(), 3),
                tuple(measured(result, index, described.cases[index]) for index in indices),
                self._visit,
            )
        )

    def save(self, result_dir: str) -> None:
        """Write asv's file from the record."""
        with in_asvs_words():
            files.write(self.checkout.record, self._series, self._revision, Path(result_dir))

    @property
    def _series(self) -> Series:
        return Series(self.machine, self.env_vars[variables.TOMOGRAM], self._revision.name)

    @property
    def _is_installed(self) -> bool:
        """Whether the environment holds this release, or it could not be installed."""
        installed = ReleaseEnvironment.present
        return installed is not None and installed.revision.commit == self.commit_hash

    def _number(self, benchmark: Benchmark) -> int:
        suite = self._journal.visits[self._visit].project["suite"]
        known = self._journal.round_numbers(benchmark, suite)
        return 1 + max(itertools.chain.from_iterable(known.values()), default=0)


class Removable(Results):  # type: ignore[misc]
    """asv's results of a release, whose removal is written into the record."""

    journal: Journal
    removed: set[str]

    @classmethod
    def of(cls, checkout: Checkout) -> Iterator[Any]:
        """Yield those of every series that asv has a file of."""
        for path in sorted(files.result_files(checkout.results_dir)):
            found = cls.load(str(path))
            revision = checkout.revisions.by_commit[found.commit_hash]
            series = Series(path.parent.name, found.env_vars[variables.TOMOGRAM], revision.name)
            found.journal = checkout.record.journal(series)
            found.removed = set()
            yield found

    def remove_result(self, key: str) -> None:
        """Remember which benchmark to discard."""
        self.removed.add(key)

    def save(self, result_dir: str) -> None:
        """Discard the benchmarks that were removed."""
        del result_dir
        if self.removed:
            self.journal.discard(self.removed)

    def rm(self, result_dir: str) -> None:
        """Discard everything."""
        del result_dir
        self.journal.discard()
