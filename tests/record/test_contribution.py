"""What a commit contributes is judged by the checkout it goes to, in real repositories."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryoet_bench.errors import InputError
from cryoet_bench.record.contribution import refusals
from cryoet_bench.record.validation import Rules
from cryoet_bench.timeline import repository
from tests.record.submitted import MACHINE, OTHER, VISIT, Lines, good, pack, submit

JOURNAL = Path("record/a-machine/phantom-10A/zarr-3.1.1.jsonl.xz")
WORKFLOW = Path(__file__).parents[2] / ".github" / "workflows" / "submission.yml"


def git(root: Path, *arguments: str) -> str:
    return repository.git(root, "-c", "user.name=x", "-c", "user.email=x@localhost", *arguments)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "x")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A repository that holds the record of one machine, and the suites that are accepted."""
    root = tmp_path / "base"
    root.mkdir()
    git(root, "init", "--quiet", "-b", "main")
    submit(root / "record", good())
    (root / "record" / "suite.json").write_text("{}")
    (root / "check.py").touch()
    commit(root)
    return root


def contribute(root: Path, change: Callable[[Path], Any]) -> str:
    """Commit a change on a branch, and return to the base."""
    git(root, "switch", "--quiet", "--create", "branch", "main")
    change(root)
    commit(root)
    git(root, "switch", "--quiet", "main")
    return "branch"


def measured_later(visit: str = OTHER, factor: float = 1.01) -> Lines:
    """Return another visit with other samples."""
    lines = copy.deepcopy(good()[:2])
    lines[0]["id"] = lines[1]["visit"] = visit
    for case in lines[1]["cases"]:
        case["samples"] = [one * factor for one in case["samples"]]
    return lines


def add_machine(root: Path, **project: Any) -> None:
    lines = measured_later()
    lines[0]["project"].update(project)
    submit(root / "new", lines).rename(root / "record" / "my-own")
    (root / "new").rmdir()


def test_a_machine_that_is_added_passes(base: Path, rules: Rules) -> None:
    branch = contribute(base, add_machine)
    assert refusals(base, branch, rules) == {"record/my-own": []}
    assert not (base / "record" / "my-own").exists(), "the checkout stays as it is"


def test_rounds_that_are_added_pass(base: Path, rules: Rules) -> None:
    branch = contribute(base, lambda root: pack(root / JOURNAL, [*good(), *measured_later()]))
    assert refusals(base, branch, rules) == {"record/a-machine": []}


def test_what_the_base_has_gained_meanwhile_is_not_lost(base: Path, rules: Rules) -> None:
    branch = contribute(base, add_machine)
    (base / "record" / "suite.json").write_text('{"digest": "of a later suite"}')
    pack(base / JOURNAL, [*good(), *measured_later("2" * 12, 1.02)])
    commit(base)
    assert refusals(base, branch, rules) == {"record/my-own": []}


def test_a_submission_cannot_vouch_for_itself(base: Path, rules: Rules) -> None:
    def vouch(root: Path) -> None:
        add_machine(root, suite="f" * 16)
        (root / "record" / "suite.json").write_text(json.dumps({"earlier": ["f" * 16]}))
        (root / "check.py").write_text("exit(0)")

    found = refusals(base, contribute(base, vouch), rules)
    (rest,), (said,) = found["branch"], found["record/my-own"]
    assert rest.startswith("branch changes check.py, record/suite.json too, which was not taken")
    assert "was measured by another suite" in said


@pytest.mark.parametrize("path", ["check.py", "record/suite.json", "record/tomograms.json", "new"])
def test_a_change_of_the_rules_alone_is_no_submission(base: Path, rules: Rules, path: str) -> None:
    branch = contribute(base, lambda root: (root / path).write_text("[]"))
    assert refusals(base, branch, rules) == {}


def _faster(root: Path) -> None:
    lines = good()
    lines[1]["cases"][0]["samples"][0] = 0.001
    pack(root / JOURNAL, lines)


def _steal(root: Path) -> None:
    submit(root / "new", good()).rename(root / "record" / "my-own")
    (root / "new").rmdir()


def _unfold(root: Path) -> None:
    (root / "record" / "suite.json").unlink()
    (root / "record" / "suite.json").mkdir()
    (root / "record" / "suite.json" / "x").touch()


def _grow(root: Path) -> None:
    facts = {**MACHINE, "ram": "1 GiB"}
    (root / "record" / "a-machine" / "machine.json").write_text(json.dumps(facts))


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "removed": (lambda root: (root / JOURNAL).unlink(), "or discarded in phantom-10A/zarr-3"),
    "measured anew": (_faster, "or discarded in phantom-10A/zarr-3.1.1.jsonl.xz"),
    "put last": (
        lambda root: pack(root / JOURNAL, [*measured_later(), *good()]), "is lost, changed or",
    ),
    "torn": (lambda root: (root / JOURNAL).write_bytes(b"x"), "is lost, changed or"),
    "discarded": (
        lambda root: pack(
            root / JOURNAL,
            [*good(), {"kind": "discarded", "at": "2025-08-02T00:00:00Z", "benchmarks": None}],
        ),
        "or discarded in phantom-10A/zarr-3.1.1.jsonl.xz",
    ),
    "another machine": (_grow, "or discarded in machine.json: update the"),
    "copied from another machine": (_steal, f"visit {VISIT} is in a-machine/phantom-10A/zarr-3."),
    "a folder for the suites": (_unfold, "changes record/suite.json, record/suite.json/x too"),
    "a link for a machine": (
        lambda root: (root / "record" / "x").symlink_to("/etc"), "changes record/x too",
    ),
    "a link for a journal": (
        lambda root: (root / JOURNAL).with_name("x.jsonl.xz").symlink_to("/etc/passwd"),
        "changes record/a-machine/phantom-10A/x.jsonl.xz too",
    ),
    "attributes": (
        lambda root: (root / JOURNAL).with_name(".gitattributes").write_text("* filter=x"),
        "changes record/a-machine/phantom-10A/.gitattributes too",
    ),
    "a name of two lines": (
        lambda root: (root / "record" / "a\n::error::b").write_text(""),
        "changes record/a\N{REPLACEMENT CHARACTER}::error::b too",
    ),
    "a name that is no text": (
        lambda root: Path(os.fsdecode(bytes(root) + b"/record/\xff")).write_text(""),
        "changes record/\\xff too",
    ),
    "a script": (
        lambda root: (root / "record" / "a-machine" / "run.py").touch(), "run.py does not belong",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_addition_is_refused(base: Path, rules: Rules, name: str) -> None:
    change, words = REFUSED[name]
    found = refusals(base, contribute(base, change), rules)
    said = [sentence for sentences in found.values() for sentence in sentences]
    assert any(words in one for one in said), said
    assert all(one.isprintable() and not one.startswith("::") for one in said)


def test_a_commit_that_is_none_is_one_sentence(base: Path, rules: Rules) -> None:
    with pytest.raises(InputError, match="git rev-parse failed"):
        refusals(base, "absent", rules)
    git(base, "switch", "--quiet", "--orphan", "elsewhere")
    (base / "x").touch()
    commit(base)
    with pytest.raises(InputError, match="no merge base"):
        refusals(base, "main", rules)


def test_ci_runs_what_the_base_has_and_fetches_the_commit(base: Path, tmp_path: Path) -> None:
    """The workflow of the base, on a clone of it, for a commit of the repository it came from."""
    content = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    (job,) = content["jobs"].values()
    assert list(content[True]) == ["pull_request_target"], "that of a pull request's own is its own"
    assert (content["permissions"], job["permissions"]) == ({}, {"contents": "read"})
    assert "secrets" not in WORKFLOW.read_text("utf-8")
    used, _, make, check = job["steps"]
    assert used["with"] == {"fetch-depth": 0, "persist-credentials": False}, "no ref: the base"
    assert make["run"].startswith("scripts/bench ")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", "main", "--single-branch", str(base), "clone")
    command = clone / ".venv" / "bin" / "cryoet-bench"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/bash\necho "$@"; git diff --name-only "HEAD...$4"')
    command.chmod(0o755)
    proposed = git(base, "rev-parse", contribute(base, add_machine)).strip()
    done = subprocess.run(
        ["bash", "-e", "-c", check["run"]], cwd=clone, env={**os.environ, "PROPOSED": proposed},
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    first, *changed = done.stdout.splitlines()
    assert first == f"record check --commit {proposed}"
    assert "record/my-own/machine.json" in changed
    assert not (clone / "record" / "my-own").exists()
