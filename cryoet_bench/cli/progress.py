"""What a command shows while it works: a bar on a terminal, lines in a file or a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cryoet_bench.cli import consoles

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

_EVERY = 30.0  # seconds: within a stage, a line is printed no sooner


@dataclass(frozen=True)
class Status:
    """How far a measurement is.

    Attributes
    ----------
    where : str
        The stage.
    doing : str
        What is measured next.
    fraction : float
        Done, 0 to 1.
    left : str
        How long the rest takes, in words.
    """

    where: str
    doing: str
    fraction: float
    left: str


def bar(*columns: ProgressColumn) -> Progress:
    """Return a bar on standard error, which shows nothing in a file or a pipe.

    Its columns are those given, else what is done, the bar, the share and the time left.
    """
    from rich import progress

    console = consoles.aside()
    usual = (
        progress.TextColumn("{task.description}", markup=False),  # a file's name is no markup
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    return progress.Progress(
        *(columns or usual),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # it would leave an empty line in a log
    )


@contextmanager
def shown[Step](status: Callable[[Step], Status]) -> Iterator[Callable[[Step], None]]:
    """Yield what shows a step of a measurement, as `status` puts it."""
    from rich import progress

    console = consoles.aside()
    if not console.is_terminal:
        yield _printed(status, console)
        return
    where = progress.TextColumn("{task.fields[where]}", style="bold", markup=False)
    rest = "{task.percentage:3.0f} %, {task.fields[left]}\n  {task.description}"
    with bar(where, progress.BarColumn(), progress.TextColumn(rest, markup=False)) as drawn:
        task = drawn.add_task("", total=1.0, where="Preparing", left="")

        def show(step: Step) -> None:
            now = status(step)
            drawn.update(
                task,
                completed=now.fraction,
                description=now.doing,
                where=now.where,
                left=now.left,
            )

        yield show


def _printed[Step](status: Callable[[Step], Status], console: Console) -> Callable[[Step], None]:
    """Return what prints a line for each stage, and one from time to time within a long one."""
    stage, printed = "", 0.0

    def show(step: Step) -> None:
        nonlocal stage, printed
        now = status(step)
        if now.where != stage or time.monotonic() - printed > _EVERY:
            stage, printed = now.where, time.monotonic()
            console.print(f"{now.where}, {now.left}", markup=False, soft_wrap=True)

    return show


class Stages:
    """A bar on standard error, for as long as stages follow each other."""

    def __init__(self) -> None:
        self._bar = bar()
        self._task = self._bar.add_task("Opening", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, what: str, done: int, total: int) -> None:
        """Show what is being done and how far it is."""
        self._bar.update(self._task, description=what, completed=done, total=total)


def duration(seconds: float) -> str:
    """Return a length of time in words, as exact as an estimate is: "5 s", "3 min", "2.5 h"."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
