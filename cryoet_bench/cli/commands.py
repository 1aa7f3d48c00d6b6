"""The commands by name, each imported when it is asked for: most of a start would be the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from cryoet_bench.conclusion import INTERRUPTED, say
from cryoet_bench.errors import InputError

NAMES = (
    "qc",
    "verify",
    "tomogram",
    "study",
    "recommend",
    "bench",
    "changes",
    "confirm",
    "find",
    "gate",
    "report",
    "noise",
    "record",
    "timeline",
)
"""Modules of this package, in the order of --help: what needs no checkout first.

A module holds its command as a function of the same name, or several commands as an ``app``.
"""


class Commands(Mapping[str, Any]):
    """The commands, as click knows them."""

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES:
            raise KeyError(name)
        module = import_module(f"cryoet_bench.cli.{name}")
        alone = typer.Typer(rich_markup_mode=None)
        if hasattr(module, "app"):
            alone.add_typer(module.app, name=name)
        else:
            alone.command(name)(getattr(module, name))
        return get_group(alone).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class Group(TyperGroup):
    """The command ``cryoet-bench`` itself."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]

    def invoke(self, ctx: Any) -> Any:
        """Run a command; report ctrl-C, and a question that is not answered with yes."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # of which typer makes an exit code without a word
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except typer.Abort:
            raise InputError("nothing was done: the question was not answered with yes") from None
