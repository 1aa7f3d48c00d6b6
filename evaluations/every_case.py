"""Run every case of the suite once beside what is installed here, in this one process.

    python evaluations/every_case.py BENCHMARKS REGEX RESULT.json

Needs asv-runner and a release, nothing else. It tells which cases pass, are not available or
fail, and the exact values; times need processes of their own, so none is kept.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name


def main(benchmarks: str, regex: str, result: str) -> None:
    """Run what matches and write ``{benchmark: {case: [status, value or reason]}}``."""
    warnings.simplefilter("ignore")
    folder = Path(benchmarks).resolve()
    target = Path(result).resolve()
    sys.path.insert(0, str(folder.parent))
    prepared: dict[str, Any] = {}
    outcomes: dict[str, dict[str, tuple[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for benchmark in disc_benchmarks(str(folder)):
            if not re.search(regex, benchmark.name):
                continue
            cases = list(itertools.product(*benchmark._params)) if benchmark._params else [()]
            outcomes[benchmark.name] = {
                ", ".join(map(str, case)): _outcome(
                    str(folder), benchmark.name + (f"-{number}" if case else ""), prepared
                )
                for number, case in enumerate(cases)
            }
        os.chdir(folder)
    staged = target.with_suffix(".new")
    staged.write_text(json.dumps(outcomes), "utf-8")
    staged.replace(target)


def _outcome(folder: str, name: str, prepared: dict[str, Any]) -> tuple[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            benchmark = get_benchmark_from_name(folder, name)
            key = benchmark.setup_cache_key
            if key and key not in prepared:
                prepared[key] = benchmark.do_setup_cache()
            benchmark.set_cache(prepared.get(key))
            if benchmark.do_setup():
                return "n/a", said.getvalue().strip()
            try:
                value = benchmark.func(*benchmark._current_params)
            finally:
                benchmark.do_teardown()
        except Exception:  # noqa: BLE001  (whatever a release does wrong is what is asked for)
            return "failed", traceback.format_exc().strip().splitlines()[-1]
    return "passed", value if benchmark.type == "track" else None


if __name__ == "__main__":
    main(*sys.argv[1:])
