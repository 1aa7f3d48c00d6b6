"""Every command that is shown can be typed: as it stands in code and documents, and printed."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer.core
from asv.commands import make_argparser
from typer.testing import CliRunner, Result

import cryoet_bench
from cryoet_bench import cli
from cryoet_bench.changes.reproduction import command, pattern_of
from cryoet_bench.conclusion import NOT_DONE
from cryoet_bench.errors import InputError
from cryoet_bench.measure.asv import explorer
from cryoet_bench.record.benchmark import words
from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.timeline import repository
from tests.measured import FACTS

PACKAGE = Path(cryoet_bench.__file__).parent
QUOTED = re.compile(r"'((?:cryoet-bench|scripts/bench|asv) [a-z-][^']*)'")
EXAMPLE = re.compile(
    r"^ *(?:[A-Z][\w ]*: )?((?:cryoet-bench|scripts/bench) \S.*?)(?:  .*)?$", re.MULTILINE
)
SHOWN = re.compile(r"<code>((?:cryoet-bench|scripts/bench) [^<]*)")
BLOCK = re.compile(r"```(?:console|sh)\n(.*?)```", re.DOTALL)
TYPED = re.compile(r"^(?:\.venv/bin/)?((?:cryoet-bench|scripts/bench|asv) .*)$", re.MULTILINE)
Takes = Callable[[str], bool]


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Takes:
    """Tell whether the real command line takes a command, without doing it."""

    def parsed() -> Path:
        raise InputError("it was parsed")

    monkeypatch.setattr("cryoet_bench.cli.checkout.project_root", parsed)
    monkeypatch.setattr(typer.core.TyperCommand, "invoke", lambda *_: None)
    asv_parser, _ = make_argparser()

    def take(line: str) -> bool:
        program, *arguments = shlex.split(line, comments=True)
        try:
            if program == "asv":
                asv_parser.parse_args(arguments)
                return True
            own = ["bench"] * (program == "scripts/bench")
            return cli._run([*own, *arguments]) != NOT_DONE
        except InputError as error:
            return str(error) == "it was parsed"
        except SystemExit:
            return False

    return take


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module or a template, with a 1 for what is filled in."""
    source = path.read_text("utf-8")
    if path.suffix == ".j2":
        yield re.sub(r"{%.*?%}", "", re.sub(r"{{.*?}}", "1", source))
        return
    nodes = list(ast.walk(ast.parse(source)))
    inner = {part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if node in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [str(it.value) if isinstance(it, ast.Constant) else "1" for it in node.values]
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_command_in_a_text_is_one(takes: Takes) -> None:
    written = {
        found
        for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.j2")]
        for text in texts(path)
        for pattern in (QUOTED, *([EXAMPLE] if path.parent.name == "cli" else [SHOWN]))
        for found in pattern.findall(text)
    }
    assert len(written) > 60
    wrong = [line for line in sorted(written) if not takes(line)]
    named = [line for line in wrong if re.fullmatch(r"cryoet-bench [a-z ]+", line)]
    assert wrong == named, "these are commands to type"
    assert all(takes(f"{line} --help") for line in named), "and these are named alone"


def test_every_command_in_a_document_is_one(takes: Takes) -> None:
    root = PACKAGE.parent
    shown = {
        command
        for path in [*root.glob("*.md"), *root.glob("docs/*.md")]
        for block in BLOCK.findall(path.read_text("utf-8"))
        for command in TYPED.findall(block)
    }
    assert len(shown) > 40
    assert [line for line in sorted(shown) if not takes(line)] == []


def test_a_command_names_what_is_not_the_default(takes: Takes) -> None:
    line = command("cryoet-bench", "gate", "my zarr", tomogram="mine", pattern=r"^read\W+$")
    assert line == r"cryoet-bench gate 'my zarr' --tomogram mine --bench '^read\W+$'"
    assert takes(line)
    assert command("scripts/bench", "zarr-3.4.2", tomogram=FACTS["name"]) == (
        "scripts/bench zarr-3.4.2"
    )


def test_a_pattern_finds_its_case_alone() -> None:
    suite = Record(PACKAGE.parent / REFERENCE).suite().values()
    cases = [(one.name, case) for one in suite for case in one.cases]
    named = {f"{name}({', '.join(case)})" if case else name for name, case in cases}
    for name, case in cases:
        found = re.compile(pattern_of(name, words(case)))
        of_name = (one for one in named if one.startswith(name))
        assert [one for one in of_name if found.search(one)] == [
            f"{name}({', '.join(case)})" if case else name
        ]
        assert not re.search(r"[^A-Za-z0-9_ .^$+\\-]", found.pattern), "quotes keep the others"


def run(line: str, *more: str) -> Result:
    """Run a command that was printed, in this process."""
    program, *arguments = shlex.split(line)
    own = ["bench"] * (program == "scripts/bench")
    return CliRunner().invoke(cli.app, [*own, *arguments, *more], catch_exceptions=False)


@pytest.mark.slow
def test_the_command_of_each_finding_runs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "publish", lambda *_: checkout)  # the site has tests of its own
    groups = json.loads(run("cryoet-bench changes --json").stdout)["groups"]
    lines = {one["command"] for group in groups for one in group["findings"]}
    assert {line.split()[0] for line in lines} == {"cryoet-bench", "scripts/bench"}
    for line in lines:
        hurry = ["--minutes", "0.1"] if line.startswith("cryoet-bench") else []
        assert run(line, *hurry).exit_code in {0, 1, 2}, line


def test_the_command_of_each_judgement_runs(checkout: Path) -> None:
    path = checkout / ".asv" / "timeline"
    pins = "numcodecs==0.16.2\nzarr==3.1.1\n"
    branch = repository.propose(path, "zarr-3.1.1-0123abcd", pins, "A candidate.\n")
    first = f"cryoet-bench gate {branch} --against numcodecs-0.16.2 --bench track_bytes"
    judged = json.loads(run(first, "--json", "-").stdout)["judgements"]
    assert [one["case"] for one in judged] == ["none", "late", "zstd"]
    for one in judged:
        found = json.loads(run(one["command"], "--json", "-").stdout)["judgements"]
        assert found == [one]
