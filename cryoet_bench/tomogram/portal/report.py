"""What the user sees while a tomogram is fetched."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Report:
    """Sentences and a bar on a console, by default standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)

    def say(self, text: object) -> None:
        """Print one fact."""
        self.console.print(str(text), markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def transfer(self, total: int, done: int) -> Iterator[Callable[[int], None]]:
        """Show the progress of a transfer; yields what is to be called with every bytes' count."""
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        silent = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=silent) as progress:
            task = progress.add_task("", total=total, completed=done)
            yield lambda size: progress.advance(task, size)
