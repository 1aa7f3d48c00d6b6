"""The list of benchmarks, its documentation, its tiers, and what a class of exact values keeps."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from asv.config import Config
from asv_runner.discovery import disc_benchmarks

from benchmarks import tiers
from benchmarks.exact import Outcome, outcomes
from cryoet_bench.storage.installed import UnavailableError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def suite() -> list[Any]:
    return list(disc_benchmarks(str(ROOT / "benchmarks")))


def test_the_page_lists_every_benchmark_as_it_is(suite: list[Any]) -> None:
    rows = set()
    section = ""
    for line in (ROOT / "docs" / "benchmarks.md").read_text("utf-8").splitlines():
        if found := re.fullmatch(r"## .*: `(\w+)`", line):
            section = found[1]
        elif section and line.startswith("| `"):
            name, question, unit, tier, moves = (part.strip() for part in line[1:-1].split("|"))
            assert moves, f"nothing is said to move {name}"
            rows.add((f"{section}.{name.strip('`')}", question, unit, tier))
    assert rows == {(b.name, b.func.__doc__.strip(), b.unit, b.tier) for b in suite}


def test_every_benchmark_asks_a_question_and_names_itself(suite: list[Any]) -> None:
    for benchmark in suite:
        assert "?" in benchmark.func.__doc__, benchmark.name
        assert benchmark.pretty_name
        assert benchmark.version == "1" or int(benchmark.version) > 1


def test_readable_names_are_never_shared(suite: list[Any]) -> None:
    names = [benchmark.pretty_name for benchmark in suite]
    assert len(set(names)) == len(names)


def test_only_ratios_are_better_when_higher(suite: list[Any]) -> None:
    assert {b.name for b in suite if b.higher_is_better} == {
        "size.Codecs.track_compression_ratio",
        "lossy.Fidelity.track_psnr",
    }


def test_a_rise_of_a_ratio_is_no_regression(suite: list[Any]) -> None:
    ignored = Config.load(str(ROOT / "asv.conf.json")).regressions_first_commits
    assert set(ignored.values()) == {None}
    # As asv selects: the pattern matches the beginning of the name.
    matched = {b.name for b in suite if any(re.match(pattern, b.name) for pattern in ignored)}
    assert matched == {b.name for b in suite if b.higher_is_better}


def test_tiers_contain_each_other(suite: list[Any]) -> None:
    core, full = set(tiers.names("core")), set(tiers.names("full"))
    assert core < full == {benchmark.name for benchmark in suite}
    assert re.search(tiers.regex("core"), "write.Codecs.time_volume('none', 'v2')")
    assert not re.search(tiers.regex("core"), "write.MoreCodecs.time_volume('default', 'v2')")


def test_the_command_of_the_page_selects_the_core_tier(suite: list[Any]) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    (command,) = re.findall(r"```console\n(.*)\n```", page)
    found = re.fullmatch(r'asv run NEW --bench "\$\(python (.*)\)"', command)
    assert found
    done = subprocess.run(
        [sys.executable, *found[1].split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # As asv selects: the pattern is searched for in the name of each case.
    selected = {b.name for b in suite if re.search(done.stdout.strip(), f"{b.name}('x')")}
    assert selected == {b.name for b in suite if b.tier == "core"}


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


class TestOutcomes:
    def test_keeps_each_case_apart(self) -> None:
        def measure(case: str) -> dict[str, float]:
            if case == "missing":
                raise UnavailableError("needs zarr 3")
            return {"metric": 1 / len(case)}

        found = outcomes([["four", "", "missing"]], measure)
        assert found["four",]["metric"] == 0.25
        found["four",].check()
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            found["",].check()
        with pytest.raises(NotImplementedError, match="needs zarr 3"):
            found["missing",].check()

    def test_are_the_product_of_the_parameters(self) -> None:
        found = outcomes([["a", "b"], ["x"]], lambda one, other: {"metric": ord(one) + ord(other)})
        assert found == {
            ("a", "x"): Outcome({"metric": 217}),
            ("b", "x"): Outcome({"metric": 218}),
        }
