"""asv's commands that judge two revisions: by the record, as everything else here does."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

from asv import util
from asv.commands.run import Run
from asv.console import log

from cryoet_bench import conclusion
from cryoet_bench.measure.asv import tomograms
from cryoet_bench.measure.asv.checkout import Checkout
from cryoet_bench.measure.asv.ending import in_asvs_words
from cryoet_bench.measure.asv.environment import ROOT
from cryoet_bench.timeline.revisions import Revision

_OF_ASVS_COMPARISON = frozenset({"factor", "split", "only_changed", "sort", "use_stats"})
"""Options that have no effect here."""


def continuous(cls: Any, /, conf: Any, branch: Any = None, base: Any = None, **options: Any) -> Any:
    """Measure two revisions as ``asv continuous`` does, and judge them by the record."""
    del cls
    with in_asvs_words():
        revisions = Checkout.of(conf).revisions
        after = revisions.find(branch or conf.branches[0])
        before = revisions.find(base) if base else revisions.before(after)
    if before is None:
        raise util.UserError(f"{after.label} is the first release: there is nothing before it")
    kept = {name: value for name, value in options.items() if name not in _OF_ASVS_COMPARISON}
    if Run.run(conf, range_spec=[after.commit, before.commit], **kept):
        return conclusion.NOT_DONE
    return _judge(before, after, conf, options.get("machine"))


def compare(
    cls: Any, /, conf: Any, hash_1: str, hash_2: str, *_: Any, machine: Any = None, **__: Any
) -> Any:
    """Compare two revisions by the record, as everything else does."""
    del cls
    with in_asvs_words():
        revisions = Checkout.of(conf).revisions
        before, after = revisions.find(hash_1), revisions.find(hash_2)
    return _judge(before, after, conf, machine)


def _judge(before: Revision, after: Revision, conf: Any, machine: str | None) -> int:
    """Print what changed between two revisions by the project's own comparison."""
    if not all(map(importlib.util.find_spec, ("typer", "pandas"))):
        raise util.UserError(
            "this Python can measure but not compare: what was measured is in the record, so run "
            f"'scripts/bench {before.name} {after.name}'"
        )
    command = [sys.executable, "-m", "cryoet_bench", "changes", "--between"]
    command += [before.name, after.name]
    for tomogram in tomograms.named(conf)[:1]:
        command += ["--tomogram", tomogram]
    if machine:
        command += ["--machine", machine]
    log.flush()
    return subprocess.run(command, cwd=ROOT, check=False).returncode
