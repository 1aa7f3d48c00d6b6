"""The site: asv's published data with release names and right directions, shown by asv-tachyon.

`Site` takes part in ``asv publish`` as its last publisher, so the plain asv commands make the same
site. Importing this module needs the standard library and asv alone; without asv-tachyon and
jinja2, asv's own page stays.
"""

from __future__ import annotations

import contextlib
import functools
import html
import http.server
import importlib.resources
import importlib.util
import io
import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from asv.commands.publish import Publish
from asv.console import log
from asv.publishing import OutputPublisher
from asv.results import Results, iter_results

from cryoet_bench.files import write_text
from cryoet_bench.record.results import Journal, failures, journal_path, result_files
from cryoet_bench.record.results import load as load_results
from cryoet_bench.timeline import repository

PAGES = Path(__file__).with_name("pages")
TOMOGRAM = "CRYOET_BENCH_TOMOGRAM"
_TOMOGRAMS = "tomograms.jsonl"


@dataclass(frozen=True)
class Commit:
    """A release as the timeline's repository tells it.

    Attributes
    ----------
    label : str
        The readable name, which is the commit's subject.
    date : str
        Day of the upload.
    notes : tuple of str
        What else moved, and what is broken.
    """

    label: str
    date: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """How much of the suite one release passed, in one series.

    Attributes
    ----------
    reasons : mapping of str to int
        Why cases failed, and how many for each reason.
    """

    machine: str
    tomogram: str
    passed: int
    unavailable: int
    failed: int
    reasons: Mapping[str, int]


class Site(OutputPublisher):  # type: ignore[misc]
    """Releases by name, directions, the page of releases, and the shell that shows it all."""

    name = "releases"
    button_label = "Releases"
    description = "What each release moved, and what of it could be measured"
    order = math.inf  # asv's own publishers still need the commits

    @classmethod
    def publish(
        cls,
        conf: Any,
        repo: Any,  # noqa: ARG003  (asv's signature)
        benchmarks: dict[str, dict[str, Any]],
        graphs: Any,  # noqa: ARG003
        revisions: dict[str, int],
    ) -> None:
        """Write our part of the site; asv writes its index from what is changed here."""
        target = Path(conf.html_dir)
        results = list(iter_results(conf.results_dir))
        measured = {name for entry in results for name in entry.get_all_result_keys()}
        for name in benchmarks.keys() - measured:  # those of a tier that was not chosen
            del benchmarks[name]
        known = commits(Path(conf.repo))
        labels = _unique({c: known[c].label if c in known else c[:12] for c in revisions})
        for benchmark in benchmarks.values():
            benchmark["less_is_better"] = not benchmark.get("higher_is_better", False)
        stories = {
            str(revision): " · ".join((known[c].date, *known[c].notes))
            for c, revision in revisions.items()
            if c in known
        }
        (target / "commits.json").write_text(json.dumps({"by_revision": stories}), "utf-8")
        if all(map(importlib.util.find_spec, ("asv_tachyon", "jinja2"))):
            tomograms = describe_tomograms(Path(conf.results_dir), results)
            _write_releases(target, conf, known, labels, results, tomograms)
            _install_shell(target, conf, tomograms)
            conf.show_commit_url = "./releases.html#"
        else:
            log.warning("asv-tachyon and jinja2 are not installed: asv's own page is published")
        _name_releases_in_feed(target / "regressions.xml", labels)
        conf.hash_length = max(map(len, labels.values()), default=conf.hash_length)
        renamed = {labels[commit]: revision for commit, revision in revisions.items()}
        revisions.clear()
        revisions.update(renamed)


def publish(configuration: Any) -> Path:
    """Publish the site as ``asv publish`` does, whole or not at all, and return its folder.

    Raises
    ------
    InputError
        A result file is damaged.
    """
    results_dir, html_dir = Path(configuration.results_dir), Path(configuration.html_dir)
    for path in result_files(results_dir):
        load_results(path)
    html_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=html_dir.parent, prefix=".html.") as staging:
        configuration.html_dir = str(Path(staging) / "html")
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                Publish.run(configuration, pull=False)
        finally:
            configuration.html_dir = str(html_dir)
        if html_dir.exists():
            html_dir.rename(Path(staging) / "old")
        (Path(staging) / "html").rename(html_dir)
    return html_dir.absolute()


@contextlib.contextmanager
def serve(folder: Path, port: int = 0) -> Iterator[http.server.ThreadingHTTPServer]:
    """Yield a server of the site on this machine alone; ``serve_forever`` is the caller's."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        yield server


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def commits(timeline: Path) -> dict[str, Commit]:
    """Return what the repository tells of each commit, by hash."""
    log_format = "--format=%H%x1f%s%x1f%as%x1f%b%x1e"
    found = {}
    for entry in repository.git(timeline, "log", "--all", log_format).split("\x1e"):
        if entry.strip():
            commit, label, date, body = entry.strip("\n").split("\x1f")
            paragraphs = [part.replace("\n", " ") for part in body.strip().split("\n\n") if part]
            found[commit] = Commit(label, date, tuple(paragraphs))
    return found


def record_tomogram(results_dir: Path, facts: Mapping[str, Any]) -> None:
    """Keep what the site says of a tomogram beside the results measured on it."""
    known = _recorded_tomograms(results_dir)
    if known.get(facts["name"]) == facts:
        return
    known[facts["name"]] = dict(facts)
    results_dir.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{json.dumps(entry)}\n" for entry in known.values())
    write_text(results_dir / _TOMOGRAMS, lines)


def _recorded_tomograms(results_dir: Path) -> dict[str, dict[str, Any]]:
    path = results_dir / _TOMOGRAMS
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {entry["name"]: entry for entry in map(json.loads, lines)}


def describe_tomograms(results_dir: Path, results: list[Results]) -> dict[str, str]:
    """Return what each measured tomogram is, in words, by name."""
    recorded = _recorded_tomograms(results_dir)
    names = sorted({r.env_vars.get(TOMOGRAM, "") for r in results} - {""})
    return {name: _describe(name, recorded.get(name)) for name in names}


def _describe(name: str, facts: Mapping[str, Any] | None) -> str:
    if facts is None:
        return "synthetic" if name.startswith("phantom-") else "of unrecorded origin"
    size = " x ".join(map(str, facts["shape"]))
    spacing = facts["voxel_spacing"]
    voxels = f" of {spacing[0]:g} Å" if spacing else ""
    words = {"synthetic": "synthetic", "file": "from a file", "portal": "from the CryoET portal"}
    return f"{words[facts['source']]}, {size} voxels{voxels}, {facts['dtype']}"


def _unique(labels: dict[str, str]) -> dict[str, str]:
    """Tell apart by a number the labels that several commits share, such as those of candidates."""
    seen: dict[str, int] = {}
    unique = {}
    for commit, label in labels.items():
        seen[label] = seen.get(label, 0) + 1
        unique[commit] = label if seen[label] == 1 else f"{label} ({seen[label]})"
    return unique


def _coverage(results: Results, results_dir: Path) -> Coverage:
    """Count what a result file holds; the reasons come from the rounds kept beside it."""
    values = [
        value
        for key in results.get_all_result_keys()
        for value in results.get_result_value(key, results.get_result_params(key))
    ]
    failed = sum(value is None for value in values)
    unavailable = sum(isinstance(value, float) and math.isnan(value) for value in values)
    file = results_dir / str(results._filename)
    reasons: dict[str, int] = {}
    for cases in failures(Journal(journal_path(file)).rounds).values():
        for reason in cases.values():
            reasons[reason] = reasons.get(reason, 0) + 1
    return Coverage(
        machine=results.params["machine"],
        tomogram=results.env_vars.get(TOMOGRAM, ""),
        passed=len(values) - failed - unavailable,
        unavailable=unavailable,
        failed=failed,
        reasons=reasons,
    )


def _name_releases_in_feed(feed: Path, labels: Mapping[str, str]) -> None:
    """Say in the Atom feed of regressions which release, where asv wrote a commit's hash."""
    text = feed.read_text("utf-8")
    for commit, label in labels.items():
        text = text.replace(f"#{commit}", f"releases.html#{quote(label)}")
        text = text.replace(commit, quote(label)).replace(commit[:8], label)
    feed.write_text(text, "utf-8")


def _write_releases(
    target: Path,
    conf: Any,
    known: Mapping[str, Commit],
    labels: Mapping[str, str],
    results: list[Results],
    tomograms: Mapping[str, str],
) -> None:
    import jinja2  # noqa: PLC0415  (asv alone does without this page)

    covered: dict[str, list[Coverage]] = {}
    for entry in results:
        covered.setdefault(entry.commit_hash, []).append(_coverage(entry, Path(conf.results_dir)))
    rows = [
        {"label": labels[commit], "commit": known[commit], "series": covered.get(commit, [])}
        for commit in sorted(labels, key=lambda c: known[c].date if c in known else "")
        if commit in known
    ]
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template("releases.html")
    page = template.render(
        project=conf.project,
        rows=rows[::-1],
        tomograms=tomograms,
        published=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    (target / "releases.html").write_text(page, "utf-8")


def _install_shell(target: Path, conf: Any, tomograms: Mapping[str, str]) -> None:
    """Put asv-tachyon's page over asv's, with our bar above it."""
    shell_files = Path(str(importlib.resources.files("asv_tachyon"))) / "static"
    shutil.copytree(shell_files, target, dirs_exist_ok=True)
    for name in ("site.css", "site.js"):
        shutil.copy(PAGES / name, target)
    index = target / "index.html"
    measured = "; ".join(
        f"<b>{html.escape(n)}</b> ({html.escape(w)})" for n, w in tomograms.items()
    )
    bar = (
        f'<div class="measured-on">Measured on {measured or "nothing yet"}'
        '<a href="./releases.html">Releases: what moved, what failed</a></div>'
    )
    shell = index.read_text("utf-8")
    shell = shell.replace(
        "<title>asv · tachyon</title>", f"<title>{html.escape(conf.project)}</title>"
    )
    ours = '<link rel="stylesheet" href="./site.css" /><script src="./site.js"></script>'
    shell = shell.replace("</head>", f"  {ours}\n  </head>")
    shell = shell.replace("<body>", f"<body>\n    {bar}")
    index.write_text(shell, "utf-8")
