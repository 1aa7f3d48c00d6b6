"""Instructions counted by a real valgrind."""

from __future__ import annotations

import os
import shutil

import pytest

from cryoet_bench.harness import instructions
from cryoet_bench.storage.installed import UnavailableError

PROGRAM = """
from cryoet_bench.harness.instructions import counted
def add(times):
    total = 0
    for number in range(times): total += number
for times in (1000, 2000, 4000): counted(lambda: add(times))
print('done')
"""

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")


@needs_valgrind
def test_counts_are_those_of_the_action_alone_and_the_same_again():
    variables = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "random", "MALLOC_ARENA_MAX": "9"}
    printed, counts = instructions.of(variables, "-S", "-c", PROGRAM)
    assert printed == "done\n"
    small, middle, large = counts
    # A pass of the loop takes the same each time, and the interpreter's start takes none.
    assert 2 * (middle - small) == pytest.approx(large - middle, rel=0.01)
    assert 10 < (middle - small) / 1000 < 1000
    assert small < 1.5 * (middle - small)
    _, again = instructions.of({"PATH": os.environ["PATH"]}, "-S", "-c", PROGRAM)
    assert again == pytest.approx(counts, rel=1e-4)


@needs_valgrind
def test_a_program_that_fails_says_why():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        instructions.of({"PATH": os.environ["PATH"]}, "-S", "-c", "1 / 0")


def test_without_valgrind_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="needs valgrind"):
        instructions.require()
    with pytest.raises(UnavailableError, match="needs valgrind"):
        instructions.of({}, "-c", "")


def test_counting_changes_nothing_where_nobody_counts():
    done = []
    instructions.counted(lambda: done.append(1))
    assert done == [1]
