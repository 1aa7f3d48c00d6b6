"""What every benchmark declares: its cases, those of the core tier, a title, a unit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

Case = tuple[str, ...]
Names = Iterable[str]

EVERY: Mapping[str, Names] = {}
"""As `Benchmark.core`: every case."""


class Benchmark:
    """One question about the cases that the combinations of some names are.

    Attributes
    ----------
    cases : mapping of str to iterable of str
        The names along each axis; asv gets them as ``params`` and ``param_names``.
    core : mapping of str to iterable of str, or None
        The cases of the core tier: the names along an axis, or all names of an axis that is not
        mentioned. None leaves every case to the full tier.
    control : bool
        Whether no release can change it.
    version : str
        Raised when an existing case begins to mean something else.
    """

    cases: ClassVar[Mapping[str, Names]] = {}
    core: ClassVar[Mapping[str, Names] | None] = None
    control: ClassVar[bool] = False
    params: ClassVar[list[list[str]]]
    param_names: ClassVar[list[str]]
    version = "1"
    timeout = 120

    def __init_subclass__(cls) -> None:
        """Tell asv of the cases, and mark each benchmark with those of the core tier."""
        cls.params = [list(names) for names in cls.cases.values()]
        cls.param_names = list(cls.cases)
        core = [", ".join(case) for case in cls.core_cases()]
        for function in vars(cls).values():
            if hasattr(function, "question"):
                vars(function).update(core=core, control=cls.control)

    @classmethod
    def every_case(cls) -> Iterator[Case]:
        """Yield all cases, in asv's order."""
        return itertools.product(*cls.cases.values())

    @classmethod
    def core_cases(cls) -> Iterator[Case]:
        """Yield the cases of the core tier, in asv's order."""
        if cls.core is None:
            return
        if unknown := set(cls.core) - set(cls.cases):
            raise ValueError(f"{cls.__name__} has no axis {unknown}")
        axes = [set(cls.core.get(axis, names)) for axis, names in cls.cases.items()]
        for case in cls.every_case():
            if all(name in names for name, names in zip(case, axes, strict=True)):
                yield case


def asks[F: Callable[..., Any]](
    title: str, *, unit: str = "", tolerance: float = 0.0
) -> Callable[[F], F]:
    """Make a function of a `Benchmark` one that asks the question of its docstring.

    asv copies the attributes that this sets into ``benchmarks.json``.

    Parameters
    ----------
    title : str
        Its readable name, shared with no other.
    unit : str
        Of the value; asv states those of times and peak memory itself.
    tolerance : float
        Relative difference within which two exact values are the same.
    """

    def mark(function: F) -> F:
        sentence, end, _ = (function.__doc__ or "").partition("?")
        vars(function).update(
            pretty_name=title, question=" ".join(sentence.split()) + end, tolerance=tolerance
        )
        if unit:
            vars(function)["unit"] = unit
        return function

    return mark


class Timed(Benchmark):
    """How often a time is taken.

    Two rounds of fresh processes, because a process has a level of its own; within each,
    three samples, or as many up to ten as fit into 0.1 s. The first, unmeasured run is part of
    each set-up, so asv's own warm-up is off. Nothing that is timed is shorter than twenty
    microseconds, hundreds of times what the clock needs, so calls are not batched.
    """

    rounds = 2
    number = 1
    repeat: tuple[int, int, float] = (3, 10, 0.1)
    min_run_count = 1
    warmup_time = 0
