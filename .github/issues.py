#!/usr/bin/env python3
"""Open an issue for each regression of a gate, or add to the one that is open.

    python3 .github/issues.py gate.json

The report was written where unreleased code ran, so nothing in it is trusted: titles are made of
plain characters, and all else stands in code. It needs the `gh` command, and the standard library.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

LABEL = "nightly regression"
MOST = 20


def title(package: str, judgement: dict[str, Any]) -> str:
    """Return the title that the same regression has every night."""
    text = f"{package}: {judgement['title']}: {judgement['verdict']} ({judgement['case']})"
    return " ".join(re.sub(r"[^A-Za-z0-9 .,:()'/-]", " ", text).split())[:200]


def body(report: dict[str, Any], judgement: dict[str, Any]) -> str:
    """Return what was seen, all of it as code."""
    facts = {
        "candidate": report["candidate"],
        "against": report["against"],
        "ratio": judgement["ratio"],
        "interval": judgement["interval"],
        "before": judgement["before"],
        "after": judgement["after"],
        "reason": judgement["reason"],
        "reproduce": judgement["command"],
    }
    lines = [f"{name}: {one}" for name, one in facts.items() if one is not None and one != ""]
    shown = [re.sub(r"[^\x20-\x7e]+", " ", line.replace("`", "'"))[:500] for line in lines]
    return "\n".join(["The nightly gate confirms:", "", "```", *shown, "```", ""])


def gh(*arguments: str, text: str | None = None) -> str:
    """Run gh and return what it prints."""
    done = subprocess.run(
        ["gh", *arguments], input=text, text=True, check=True, capture_output=True
    )
    return done.stdout


def main(path: str) -> None:
    """Bring the issues up to one report."""
    report = json.loads(Path(path).read_text("utf-8"))
    package = "zarr" if str(report["candidate"]).startswith("candidate/zarr-") else "numcodecs"
    regressions = [one for one in report["judgements"] if one["is_regression"]]
    gh("label", "create", LABEL, "--force", "--color", "B60205")
    listed = gh("issue", "list", "--label", LABEL, "--limit", "500", "--json", "number,title")
    known = {one["title"]: str(one["number"]) for one in json.loads(listed)}
    for judgement in regressions[:MOST]:
        name, text = title(package, judgement), body(report, judgement)
        if name in known:
            gh("issue", "comment", known[name], "--body-file", "-", text=text)
        else:
            gh("issue", "create", "--title", name, "--label", LABEL, "--body-file", "-", text=text)


if __name__ == "__main__":
    main(sys.argv[1])
