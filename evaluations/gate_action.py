"""Does the action work from the workflow of another repository?

    python -m evaluations.gate_action
    python -m evaluations.gate_action --minutes 10 --candidate harmless

A repository is made with the wheel of a candidate (see evaluations.gate_candidates). The steps of
the workflow that docs/gate.md shows are executed here for it one after the other, those of the
composite action among them, as a runner does: expressions filled in, scripts run by bash with the
variables of a runner. In place of GitHub's own actions stand a copy of the files, this Python, and
no cache.
Prints what each step did; exits with 1 when the job ends otherwise than the candidate should.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from evaluations import ROOT, gate_candidates


class Runner:
    """Executes the steps of a job in folders of its own.

    Parameters
    ----------
    folder : pathlib.Path
        Where the repository is checked out and the project unpacked.
    """

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "repository"
        self.project = folder / "_actions" / "cryoet-bench"
        self.files = {n: folder / n for n in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        self.workspace.mkdir(parents=True)
        self.summary = ""

    def checkout(self, source: Path) -> None:
        """Put the files of a repository into the workspace."""
        shutil.copytree(source, self.workspace, dirs_exist_ok=True)

    def unpack(self) -> None:
        """Put the project where a runner keeps what it uses, as git has it."""
        self.project.mkdir(parents=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            target = self.project / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)

    def composite(self, given: Mapping[str, Any]) -> int:
        """Execute the steps of the action, and return how the last one ended."""
        path = self.project / ".github" / "actions" / "gate"
        action = yaml.safe_load((path / "action.yml").read_text("utf-8"))
        inputs = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
        inputs |= {name: str(value) for name, value in given.items()}
        known = {f"inputs.{name}": value for name, value in inputs.items()}
        code = 0
        for step in action["runs"]["steps"]:
            name = step.get("name") or step["uses"]
            if "uses" in step:
                if "setup-python" in step["uses"]:
                    known[f"steps.{step['id']}.outputs.python-path"] = sys.executable
                print(f"  {name}: stands in", flush=True)
                continue
            code, outputs = self.script(step, known, path)
            known |= {f"steps.{step['id']}.outputs.{key}": value for key, value in outputs.items()}
            print(f"  {name}: exit code {code}, outputs {outputs}", flush=True)
            if code:
                break
        return code

    def script(
        self, step: Mapping[str, Any], known: Mapping[str, str], path: Path
    ) -> tuple[int, dict[str, str]]:
        """Run a script, and return its exit code and its outputs."""
        for file in self.files.values():
            file.write_text("")
        assert "${{" not in step["run"], "nothing may be pasted into a script"
        variables = {k: fill(str(v), known) for k, v in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env={
                **os.environ,
                **variables,
                **{name: str(file) for name, file in self.files.items()},
                "GITHUB_ACTION_PATH": str(path),
                "GITHUB_WORKSPACE": str(self.workspace),
            },
            check=False,
        )
        self.summary += self.files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        lines = self.files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
        return done.returncode, dict(line.split("=", 1) for line in lines)


def shown() -> list[dict[str, Any]]:
    """Return the steps of the workflow that docs/gate.md shows."""
    text = (ROOT / "docs" / "gate.md").read_text("utf-8")
    (workflow,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    steps: list[dict[str, Any]] = yaml.safe_load(workflow)["jobs"]["gate"]["steps"]
    return steps


def fill(text: str, known: Mapping[str, str]) -> str:
    """Return a text with its expressions filled in."""
    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda found: known[found[1]], text)


def main() -> int:
    """Make the repository, execute its workflow, and say whether it ended as it should."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--candidate", choices=list(gate_candidates.CANDIDATES), default="lossy")
    parser.add_argument("--minutes", type=float, default=2)
    options = parser.parse_args()
    wheel = gate_candidates.make(options.candidate)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        third = folder / "third"
        (third / "dist").mkdir(parents=True)
        shutil.copy(wheel, third / "dist")
        given = {"candidate": f"dist/{wheel.name}", "minutes": options.minutes}
        runner = Runner(folder)
        code = 0
        for step in shown():
            print(step["uses"], flush=True)
            if step["uses"].startswith("actions/checkout@"):
                runner.checkout(third)
            else:
                runner.unpack()
                code = runner.composite(step["with"] | given)
        print(runner.summary[:1500])
    expected = gate_candidates.CANDIDATES[options.candidate].expected
    print(f"the job ended with {code} ({expected} expected)")
    return int(code != expected)


if __name__ == "__main__":
    sys.exit(main())
