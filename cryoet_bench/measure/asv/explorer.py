"""The published folder: our pages, and asv's own data with asv-tachyon as the explorer in it."""

from __future__ import annotations

import importlib.resources
import importlib.util
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from asv.commands.publish import Publish
from asv.console import log

from cryoet_bench import variables
from cryoet_bench.measure.asv import files
from cryoet_bench.record.record import Record
from cryoet_bench.timeline.releases import MAIN
from cryoet_bench.timeline.revisions import Revisions

_asv_publish = Publish.run.__func__  # before the project's own stands in for it
EXPLORER = "explorer"
"""The folder of asv's data and of asv-tachyon, in the published folder."""

PAGES_NEED = ("altair", "jinja2", "pandas", "pyarrow", "scipy", "vl_convert")
"""What our own pages are made with; an interpreter with asv alone does without."""


def publish(configuration: Any, record: Record, revisions: Revisions, **options: Any) -> Path:
    """Publish the record, whole or not at all, and return the folder.

    Parameters
    ----------
    configuration : asv.config.Config
        Says where to.
    record : Record
        What is shown.
    revisions : Revisions
        All of the timeline.
    **options
        For asv's own part of it.

    Raises
    ------
    InputError
        A journal is damaged, or the folder cannot be written.
    """
    html_dir = Path(configuration.html_dir)
    files.refresh(record, revisions.by_commit.values(), Path(configuration.results_dir))
    html_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=html_dir.parent, prefix=".html.") as staging:
        pages = Path(staging) / "html"
        configuration.html_dir = str(pages / EXPLORER)
        try:
            _asv_publish(Publish, configuration, **options)
        finally:
            configuration.html_dir = str(html_dir)
        name_releases(pages / EXPLORER / "index.json", revisions)
        _install_explorer(pages / EXPLORER)
        if all(map(importlib.util.find_spec, PAGES_NEED)):
            from cryoet_bench.site import build  # noqa: PLC0415  (asv alone does without)

            build.build(record, revisions, pages)
        else:
            log.warning(
                f"{', '.join(PAGES_NEED)} are not all installed: only asv's own pages are published"
            )
            shutil.copytree(pages / EXPLORER, pages, dirs_exist_ok=True)
        if html_dir.exists():
            html_dir.rename(Path(staging) / "old")
        pages.rename(html_dir)
    return html_dir.absolute()


def name_releases(index: Path, revisions: Revisions) -> None:
    """Give asv's index the names of releases, and compare lines rather than tomograms at first.

    The explorer cuts hashes to a length and takes the first two sets of parameters for its
    comparison; without a direction it takes higher counts for better ones.
    """
    content = json.loads(index.read_text("utf-8"))
    names = {commit: revision.name for commit, revision in revisions.by_commit.items()}
    hashes = content["revision_to_hash"]
    content["revision_to_hash"] = {key: names.get(value, value) for key, value in hashes.items()}
    content["hash_length"] = max(map(len, content["revision_to_hash"].values()), default=8)
    content["show_commit_url"] = "../releases.html#"
    for benchmark in content["benchmarks"].values():
        benchmark["less_is_better"] = True
    sets = content["graph_param_list"]
    sheets = Counter(_sheet(one) for one in sets)
    sets.sort(
        key=lambda one: (-sheets[_sheet(one)], _sheet(one), one["branch"] not in {None, MAIN})
    )
    index.write_text(json.dumps(content, separators=(",", ":")), "utf-8")


def _sheet(parameters: dict[str, str]) -> tuple[str, str]:
    """Return the machine and the tomogram of some series."""
    return parameters["machine"], str(parameters.get(f"env-{variables.TOMOGRAM}"))


def _install_explorer(folder: Path) -> None:
    """Put asv-tachyon's page over asv's, as it is."""
    if importlib.util.find_spec("asv_tachyon"):
        static = Path(str(importlib.resources.files("asv_tachyon"))) / "static"
        shutil.copytree(static, folder, dirs_exist_ok=True)
