"""The commands that measure something again, as a shell takes them."""

from __future__ import annotations

import re
import shlex

from cryoet_bench.variables import DEFAULT_TOMOGRAM


def command(*words: str, tomogram: str = DEFAULT_TOMOGRAM, pattern: str = "") -> str:
    """Return a command line.

    Parameters
    ----------
    *words : str
        The program, and what else it is given.
    tomogram : str
        What it measures on; the default need not be said.
    pattern : str
        Which benchmarks; what the program does by itself where it is empty.
    """
    options = ["--tomogram", tomogram] if tomogram != DEFAULT_TOMOGRAM else []
    options += ["--bench", pattern] if pattern else []
    return shlex.join([*words, *options])


def pattern_of(benchmark: str, case: str = "") -> str:
    """Return a regular expression that finds a case alone, of characters that quotes keep.

    Parameters
    ----------
    benchmark : str
        asv's name.
    case : str
        The case in words; all cases where it is empty.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", ".", benchmark)
    values = [re.sub(r"[^A-Za-z0-9_ -]", ".", one) for one in case.split(", ") if one]
    # In a name such as read.Patterns.time_read('whole', 'cube-64 v2') quotes part the values.
    return r"\W+".join([f"^{name}", *values]) + (r"\W+$" if values else r"\b")
