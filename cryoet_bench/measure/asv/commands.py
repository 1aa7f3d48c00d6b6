"""What asv's own commands do here, so that plain asv measures into the record and never lies.

asv loads the project's plugin once it knows the command; from then on these stand in for the parts
of its commands that would keep a value under a wrong label, lose one, or judge it wrongly.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asv.environment
from asv import util
from asv.benchmarks import Benchmarks
from asv.commands import (
    Command,
    asv_profiling,
    check,
    compare,
    continuous,
    find,
    preview,
    publish,
    rm,
    run,
    setup,
    show,
)
from asv.console import log
from asv.plugins.git import Git

from cryoet_bench.errors import InputError
from cryoet_bench.measure.asv import explorer, judgement, measurement
from cryoet_bench.measure.asv.checkout import Checkout
from cryoet_bench.measure.asv.ending import concluding, in_asvs_words
from cryoet_bench.measure.asv.results import Recorded, Removable
from cryoet_bench.timeline import repository

# asv's own, before this project's stand in for them.
_check = check.Check.run.__func__
_get_hashes_from_range = Git.get_hashes_from_range
_preview = preview.Preview.run.__func__
_profile = asv_profiling.Profile.run.__func__
_rm = rm.Rm.run.__func__
_setup = setup.Setup.run_from_conf_args.__func__
_show = show.Show.run.__func__


@functools.cache
def take_charge() -> None:
    """Put what this project needs in the place of asv's own, once in a process."""
    run.Run.run = classmethod(measurement.run)
    find.Find.run = classmethod(measurement.find)
    run.Results = find.Results = Recorded
    Benchmarks.discover = classmethod(measurement.discover)
    asv.environment.get_environments = measurement.get_environments
    check.Check.run = classmethod(measurement.alone("asv check", _check))
    # asv find calls Setup.run itself, when it is its turn already.
    setup.Setup.run_from_conf_args = classmethod(measurement.alone("asv setup", _set_up))
    asv_profiling.Profile.run = classmethod(measurement.alone("asv profile", _profile))
    continuous.Continuous.run = classmethod(judgement.continuous)
    compare.Compare.run = classmethod(judgement.compare)
    show.Show.run = classmethod(_show_revision)
    publish.Publish.run = classmethod(_publish_site)
    preview.Preview.run = classmethod(_preview_site)
    rm.Rm.run = classmethod(_discard)
    Git.get_hashes_from_range = _commits_of_range
    for command in util.iter_subclasses(Command):
        command.run_from_conf_args = classmethod(concluding(command.run_from_conf_args.__func__))


def forget_other_repositories() -> None:
    """Drop what a hook or a script tells git to work on: asv's git works on the timeline."""
    for name in repository.git(Path.cwd(), "rev-parse", "--local-env-vars").split():
        os.environ.pop(name, None)


def _set_up(cls: Any, /, *arguments: Any) -> None:
    """Make the environment; asv would end with what its method returns as the exit code."""
    _setup(cls, *arguments)


def _show_revision(cls: Any, /, conf: Any, commit: str | None = None, **options: Any) -> Any:
    """Show what the record holds of a revision, by any of its names."""
    with in_asvs_words():
        checkout = Checkout.of(conf)
        checkout.write_files()
        if commit:
            commit = checkout.revisions.find(commit).commit
    return _show(cls, conf, commit=commit, **options)


def _publish_site(cls: Any, /, conf: Any, **options: Any) -> Any:
    """Publish what the record holds: our pages, with asv's in a folder of them."""
    del cls
    with in_asvs_words():
        checkout = Checkout.of(conf)
        if not checkout.record.series():
            raise InputError(
                "nothing was measured yet: run scripts/bench, or 'asv run zarr-3.4.2^!'"
            )
        folder = explorer.publish(conf, checkout.record, checkout.revisions, **options)
    log.info(f"The site is in {folder}")


def _preview_site(cls: Any, /, conf: Any, *arguments: Any, **options: Any) -> Any:
    """Show the site, publishing it first where that was not done yet."""
    if not Path(conf.html_dir, "index.html").exists():
        publish.Publish.run(conf, pull=False)
    return _preview(cls, conf, *arguments, **options)


def _discard(cls: Any, /, conf: Any, patterns: Iterable[str], y: bool = True) -> Any:
    """Remove results as ``asv rm`` does: they are discarded in the record."""
    with in_asvs_words():
        checkout = Checkout.of(conf)
        checkout.write_files()
    known = {"benchmark", "commit_hash", "python"}
    known.update(*(one.params for one in Removable.of(checkout)))
    for pattern in patterns:
        if (name := pattern.partition("=")[0]) not in known:
            raise util.UserError(f"asv rm knows no {name!r}, only {', '.join(sorted(known))}")
    rm.iter_results = lambda _results_dir: Removable.of(checkout)
    try:
        return _rm(cls, conf, patterns, y)
    finally:
        with in_asvs_words():
            checkout.write_files()


def _commits_of_range(self: Any, range_spec: str) -> Any:
    """Return the commits of a range, or say that there is none such.

    Publishing asks for the same few hundreds of times, a process of git each.
    """
    known = vars(self).setdefault("_known_ranges", {})
    try:
        if range_spec not in known:
            known[range_spec] = _get_hashes_from_range(self, range_spec)
        return list(known[range_spec])
    except (util.ProcessError, ValueError) as error:
        raise util.UserError(
            f"{range_spec} is no range of releases: write a release as 'zarr-3.4.2^!' and several "
            "as 'zarr-3.4.0..zarr-3.4.2' ('cryoet-bench timeline list' names them)"
        ) from error
