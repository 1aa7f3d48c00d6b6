"""What the workflows run: the issues of the nightly gate, and the steps of the action."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from cryoet_bench.timeline.repository import git

ROOT = Path(__file__).parents[1]
GH = """#!{python}
import json, os, sys
from pathlib import Path
text = "" if "list" in sys.argv else sys.stdin.read() if "--body-file" in sys.argv else ""
with Path(os.environ["CALLS"]).open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], text]) + "\\n")
if "list" in sys.argv:
    print(json.dumps([dict(number=7, title="zarr: Open a volume: fails (array, v2)")]))
"""


def test_each_regression_has_one_issue_of_plain_words(tmp_path: Path) -> None:
    (tmp_path / "gh").write_text(GH.format(python=sys.executable))
    (tmp_path / "gh").chmod(0o755)
    known = {
        "ratio": None, "interval": None, "before": None, "after": None, "command": "x",
        "is_regression": True,
    }  # fmt: skip
    report = {
        "candidate": "candidate/zarr-git-1a2b3c4d",
        "against": "zarr-3.4.2",
        "judgements": [
            {**known, "verdict": "fails", "title": "Open a volume", "case": "array, v2",
             "reason": "Boom: ```\n@everyone $(rm -rf /)"},
            {**known, "verdict": "slower", "title": "Read `x` @all", "case": "v3", "reason": "",
             "ratio": 1.2, "interval": [1.1, 1.3]},
            {**known, "verdict": "faster", "title": "Write", "case": "v3", "reason": "",
             "is_regression": False},
        ],
    }  # fmt: skip
    (tmp_path / "gate.json").write_text(json.dumps(report))
    subprocess.run(
        [sys.executable, ROOT / ".github" / "issues.py", tmp_path / "gate.json"],
        env={"PATH": str(tmp_path), "CALLS": str(tmp_path / "calls")},
        check=True,
    )
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    acted = [(arguments[:3], text) for arguments, text in calls[2:]]
    assert [arguments for arguments, _ in acted] == [
        ["issue", "comment", "7"],
        ["issue", "create", "--title"],
    ]
    assert calls[3][0][3] == "zarr: Read x all: slower (v3)"
    assert "ratio: 1.2\ninterval: [1.1, 1.3]\nreproduce: x\n" in acted[1][1]
    body = acted[0][1]
    assert body.count("```") == 2, "what was said stays inside the code"
    assert "@everyone" not in body.partition("```")[0] + body.rpartition("```")[2]


STUB = """#!/bin/bash
case "$*" in
  --help) ;;
  "timeline list --json")
    printf '{"releases": [%s]}' "$(sed 's/.*/{"tag": "&"}/' timeline.toml | paste -sd,)" ;;
  "timeline update") echo zarr-3.5.0 >> timeline.toml ;;
  *) echo "$(basename "$0") $* $(git status --porcelain)" >> "$RUNNER_TEMP/done" ;;
esac
"""


def test_new_releases_are_measured_by_a_checkout_without_changes(tmp_path: Path) -> None:
    """The step of the workflow, with real git; what it calls says how it found the checkout."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/releases.yml").read_text("utf-8"))
    (step,) = (
        one for one in workflow["jobs"]["measure"]["steps"] if "confirm" in one.get("run", "")
    )
    root = tmp_path / "checkout"
    for name in ("scripts/bench", ".venv/bin/cryoet-bench"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(STUB)
        (root / name).chmod(0o755)
    (root / "timeline.toml").write_text("zarr-3.4.1\nzarr-3.4.2\n")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-q", "-m", "x")
    environment = {**os.environ, "RUNNER_TEMP": str(tmp_path)}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=root, env=environment, check=True)
    assert (tmp_path / "done").read_text().splitlines() == [
        "bench zarr-3.5.0 ", "cryoet-bench confirm zarr-3.5.0 --proposed --minutes 60 ",
    ]  # fmt: skip


def test_nothing_is_pasted_into_a_script_and_every_action_is_pinned() -> None:
    files = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")]
    assert len(files) >= 4
    for file in files:
        content = yaml.safe_load(file.read_text("utf-8"))
        jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
        for step in (step for job in jobs for step in job["steps"]):
            assert "${{" not in step.get("run", ""), f"{file}: {step}"
            uses = step.get("uses", "./")
            pinned = len(uses.rpartition("@")[2]) == 40
            assert pinned or uses.startswith("./"), f"{file}: {uses}"
