"""The list of benchmarks, its page, its core cases, and what a class of exact values keeps."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from ast import literal_eval
from pathlib import Path
from typing import Any, ClassVar

import pytest
from asv_runner.discovery import disc_benchmarks

from benchmarks import listing
from benchmarks.exact import Exact
from benchmarks.question import EVERY, Benchmark, asks
from cryoet_bench.storage.installed import UnavailableError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def suite() -> list[Any]:
    return list(disc_benchmarks(str(ROOT / "benchmarks")))


def test_the_page_is_that_of_the_suite() -> None:
    assert (ROOT / "docs" / "benchmarks.md").read_text("utf-8") == listing.page(), (
        "run: python -m benchmarks.listing > docs/benchmarks.md"
    )


def test_the_page_lists_every_benchmark(suite: list[Any]) -> None:
    rows = set()
    module = ""
    for line in listing.page().splitlines():
        if found := re.fullmatch(r"## `(\w+)`", line):
            module = found[1]
        elif module and line.startswith("| `"):
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            assert all(cells), f"a cell of {module}.{cells[0]} is empty"
            rows.add((f"{module}.{cells[0].strip('`')}", *cells[1:6]))
    assert rows == {
        (b.name, b.pretty_name, b.question, b.unit, str(_cases(b)), str(len(b.core))) for b in suite
    }


def _cases(benchmark: Any) -> int:
    return math.prod(len(names) for names in benchmark.params)


def test_asv_gets_what_a_reader_needs(suite: list[Any]) -> None:
    for benchmark in suite:
        assert re.fullmatch(r"[A-Z][^?]+\?", benchmark.question), benchmark.name
        assert benchmark.pretty_name
        assert benchmark.unit != "unit", benchmark.name
        assert int(benchmark.version) >= 1
        assert benchmark.tolerance in {0, 0.001, 0.01}
        assert benchmark.control == benchmark.name.startswith("control.")
        assert benchmark.core or not benchmark.control
        assert not {"tier", "higher_is_better"} & set(vars(benchmark))


def test_readable_names_are_never_shared(suite: list[Any]) -> None:
    names = [benchmark.pretty_name for benchmark in suite]
    assert len(set(names)) == len(names)


def test_core_cases_are_cases_in_their_order(suite: list[Any]) -> None:
    for benchmark in suite:
        words = [[literal_eval(name) for name in names] for names in benchmark.params]
        every = [", ".join(case) for case in itertools.product(*words)]
        assert benchmark.core == [case for case in every if case in set(benchmark.core)]
    core = sum(len(benchmark.core) for benchmark in suite)
    assert 0 < core < sum(map(_cases, suite))


class TestCore:
    def test_names_the_cases_of_the_named_axes(self) -> None:
        class Volume(Benchmark):
            cases: ClassVar = {"codec": ["none", "zstd", "rare"], "format": ["v2", "v3"]}
            core: ClassVar = {"codec": ["zstd", "none"]}

            @asks("Read a volume")
            def time_read(self, *_case: str) -> None:
                """How long does it take? Long."""

        function: Any = Volume.time_read
        assert function.core == ["none, v2", "none, v3", "zstd, v2", "zstd, v3"]
        assert function.question == "How long does it take?"
        assert Volume.params == [["none", "zstd", "rare"], ["v2", "v3"]]

    def test_is_one_empty_name_without_axes(self) -> None:
        class Memory(Benchmark):
            core = EVERY

            @asks("Copy memory")
            def time_copy(self) -> None:
                """How long does it take?"""

        function: Any = Memory.time_copy
        assert function.core == [""]

    def test_is_nothing_where_nothing_is_said(self) -> None:
        class Memory(Benchmark):
            @asks("Copy memory")
            def time_copy(self) -> None:
                """How long does it take?"""

        function: Any = Memory.time_copy
        assert function.core == []

    def test_knows_its_axes(self) -> None:
        with pytest.raises(ValueError, match="codec"):
            type("Volume", (Benchmark,), {"core": {"codec": ["none"]}})


def test_each_class_of_exact_values_prepares_its_own(suite: list[Any]) -> None:
    # asv knows a setup_cache by its place in the source: an inherited one would be shared.
    keys: dict[str, set[str]] = {}
    for benchmark in suite:
        if benchmark.setup_cache_key:
            keys.setdefault(benchmark.setup_cache_key, set()).add(benchmark.name.rpartition(".")[0])
    assert keys
    assert all(len(classes) == 1 for classes in keys.values())


def test_discovery_imports_neither_zarr_nor_numpy() -> None:
    # A thousand processes only look a number up; an import of zarr costs each half a second.
    program = (
        "import sys, pkgutil, importlib, benchmarks\n"
        "for m in pkgutil.iter_modules(benchmarks.__path__):\n"
        "    importlib.import_module('benchmarks.' + m.name)\n"
        "print([m for m in ('numpy', 'zarr', 'numcodecs', 's3fs') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


class Numbers(Exact):
    cases: ClassVar = {"letters": ["four", "", "missing", "full-only"]}
    core: ClassVar = {"letters": ["four", "", "missing"]}
    measured: ClassVar[list[str]] = []

    @staticmethod
    def measure(case: str) -> dict[str, float]:
        Numbers.measured.append(case)
        if case == "missing":
            raise UnavailableError("needs zarr 3")
        return {"metric": 1 / len(case)}


class TestExact:
    @pytest.fixture(autouse=True)
    def nothing_measured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Numbers.measured.clear()
        monkeypatch.delenv("CRYOET_BENCH_TIER", raising=False)

    def test_keeps_each_case_apart(self) -> None:
        found = Numbers().outcomes()
        numbers = Numbers()
        numbers.setup(found, "four")
        assert numbers.outcome["metric"] == 0.25
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            numbers.setup(found, "")
        with pytest.raises(NotImplementedError, match="needs zarr 3"):
            numbers.setup(found, "missing")

    def test_measures_the_chosen_tier_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert set(Numbers().outcomes()) == {("four",), ("",), ("missing",)}
        monkeypatch.setenv("CRYOET_BENCH_TIER", "full")
        assert ("full-only",) in Numbers().outcomes()

    def test_measures_any_other_case_where_it_is_asked_for(self) -> None:
        found = Numbers().outcomes()
        Numbers.measured.clear()
        numbers = Numbers()
        numbers.setup(found, "full-only")
        assert numbers.outcome["metric"] == 1 / 9
        numbers.setup(found, "four")
        assert Numbers.measured == ["full-only"]
