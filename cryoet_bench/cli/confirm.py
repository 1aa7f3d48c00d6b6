"""``cryoet-bench confirm``: two revisions side by side, until it is clear what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cryoet_bench.cli import checkout, consoles, interruption, progress
from cryoet_bench.cli.options import MARGIN, Margin, Minutes, Pattern, TomogramName
from cryoet_bench.conclusion import FINDING, GOOD, INTERRUPTED, NOT_DONE
from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind, output
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from cryoet_bench.changes.confirmation import Confirmation
    from cryoet_bench.changes.pairing import NextBlock, PairedCase
    from cryoet_bench.changes.proposals import Proposal
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.timeline.revisions import Revision, Revisions

VERDICTS = Kind("JSON file of verdicts", b'"format": "cryoet-bench-confirm"')
_console = consoles.for_results()
_aside = consoles.aside()


def confirm(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BEFORE] AFTER | FINDING",
            help="Releases or candidates; BEFORE is what AFTER follows, unless it is named. Or the "
            "id of a finding of 'cryoet-bench changes'.",
        ),
    ] = None,
    pattern: Pattern = None,
    proposed: Annotated[
        bool,
        typer.Option(
            "--proposed", help="Only what the record proposes; of all releases, if none is named."
        ),
    ] = False,
    minutes: Minutes = 10.0,
    margin: Margin = MARGIN,
    tomogram: TomogramName = DEFAULT_TOMOGRAM,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the verdicts as JSON; - prints them."),
    ] = None,
) -> None:
    """Measure two releases side by side until it is clear what differs.

    \b
    cryoet-bench confirm --proposed                all that the record proposes
    cryoet-bench confirm zarr-3.4.2 --proposed     what it proposes of one release
    cryoet-bench confirm zarr-3.0.8 zarr-3.1.0 --bench read.Opening --margin 5%
    cryoet-bench confirm numcodecs-0.15.1 numcodecs-0.16.1 --bench 'time_decode' --minutes 3

    Each is installed in an environment of its own, and measured in blocks: two fresh processes of
    each, in random order. A verdict is "changed", "equivalent" (within the margin) or "undecided";
    all intervals of two releases together hold with 99 %. Of each proposal the three cases that
    changed most are measured, and times whose requests, calls or instructions moved by 1.5 %;
    --minutes is the limit for each release. Interrupt it at any time: every block is kept in
    results/, and a rerun resumes.

    The exit code is 1 when something is confirmed to be slower or larger, 2 when nothing could be
    decided.
    """
    root = checkout.project_root()
    from cryoet_bench.tomogram.cache import cache_dir

    if not (names or proposed):
        raise InputError("nothing is named: name a release, or choose --proposed for all of them")
    share = percentage(margin)
    verdicts = output(json_file, VERDICTS, [tomogram, cache_dir()]) if json_file else None
    if verdicts and verdicts.is_printed:
        _console.stderr = True
    pair, of_finding = (
        _pair(names, checkout.known_revisions(root), root, tomogram) if names else (None, None)
    )
    of_any_tier = "" if proposed else None
    campaign = checkout.prepared(root, tomogram, pattern or of_finding or of_any_tier)
    with chdir(root):
        chosen = _chosen(campaign, pair, proposed=proposed)
        done = list(_compare_each(campaign, chosen, minutes, share))
    if verdicts:
        verdicts.write(_as_json(done))
    if done and done[-1].interrupted:
        _aside.print(interruption.KEPT)
        raise typer.Exit(INTERRUPTED)
    decided = [one for two in done for one in two.found if one.verdict != "undecided"]
    if not decided:
        raise typer.Exit(NOT_DONE)
    is_worse = any(one.verdict == "changed" and one.ratio > 1 for one in decided)
    raise typer.Exit(FINDING if is_worse else GOOD)


@dataclass(frozen=True)
class _Comparison:
    """What two revisions gave: the cases, and the verdicts on those that could be measured."""

    pair: tuple[Revision, Revision]
    cases: Sequence[PairedCase]
    found: Sequence[Confirmation]
    interrupted: bool


def _compare_each(
    campaign: Campaign, chosen: Sequence[Proposal], minutes: float, margin: float
) -> Iterator[_Comparison]:
    """Compare pair after pair, printing the verdicts, until the user interrupts it."""
    from cryoet_bench.changes.pairing import NotMeasuredError

    for one in chosen:
        try:
            found = _compare(campaign, one, minutes, margin)
        except NotMeasuredError as error:
            if len(chosen) == 1:
                raise
            _aside.print(f"{error}; going on without it", markup=False, soft_wrap=True)
            continue
        _print(found)
        yield found
        if found.interrupted:
            return


def _compare(campaign: Campaign, what: Proposal, minutes: float, margin: float) -> _Comparison:
    """Measure cases of two revisions until each has a verdict or the time is up."""
    from cryoet_bench.changes.pairing import Budget, Pairing

    before, after = what.pair
    count = "1 case" if len(what.cases) == 1 else f"{len(what.cases)} cases"
    _aside.print(
        f"Measuring {count} of {before.label} and {after.label} side by side, "
        f"for {minutes:g} min at most.",
        soft_wrap=True,
    )
    budget = Budget(minutes)
    with Pairing(campaign, what.pair) as pairing:
        cases = pairing.cases(what.cases, margin=margin)
        interrupted = follow(pairing.decide(cases, budget))
        return _Comparison(what.pair, cases, pairing.conclude(cases), interrupted)


def _chosen(
    campaign: Campaign, pair: tuple[Revision, Revision] | None, *, proposed: bool
) -> list[Proposal]:
    """Return what to measure of which revisions.

    Raises
    ------
    InputError
        There is nothing.
    """
    from cryoet_bench.changes.pairing import timed
    from cryoet_bench.changes.proposals import Proposal, proposals, proposed_between
    from cryoet_bench.changes.scope import Scope

    if pair and not proposed:
        return [Proposal(pair, tuple(timed(campaign)))]
    scope = Scope(campaign.record, campaign.revisions, campaign.machine, campaign.tomogram)
    found = []
    for one in [proposed_between(scope, pair)] if pair else proposals(scope):
        cases = [each for each in one.cases if each[1] in campaign.chosen.get(each[0].name, ())]
        if cases:
            found.append(Proposal(one.pair, tuple(cases)))
    if not found:
        between = f" between {pair[0].label} and {pair[1].label}" if pair else ""
        raise InputError(
            f"the record of {campaign.machine} proposes nothing{between} that is not decided: "
            "leave out --proposed, or measure releases first with scripts/bench"
        )
    return found


def _pair(
    names: Sequence[str], revisions: Revisions, root: Path, tomogram: str
) -> tuple[tuple[Revision, Revision], str | None]:
    """Return the two revisions that are named, and of a finding the pattern of its benchmark."""
    from cryoet_bench.changes.reproduction import pattern_of
    from cryoet_bench.cli.report import known_finding

    if len(names) == 1 and _is_finding(names[0], revisions):
        finding = known_finding(root, names[0], tomogram)
        pair = revisions.find(finding.previous), revisions.find(finding.revision)
        return pair, pattern_of(finding.benchmark)
    return _named(names, revisions), None


def _is_finding(name: str, revisions: Revisions) -> bool:
    """Tell whether a name begins as that of a finding does, with its release."""
    known = [one.name for one in revisions.by_commit.values()]
    return name not in known and name.startswith(tuple(f"{one}." for one in known))


def _named(names: Sequence[str], revisions: Revisions) -> tuple[Revision, Revision]:
    """Return the two revisions that are named; of a single one, what it follows and itself."""
    if len(names) > 2:
        raise InputError(f"{len(names)} releases are named: give two, or the newer one alone")
    found = [revisions.find(name) for name in names]
    before = found[0] if len(found) > 1 else revisions.before(found[0])
    after = found[-1]
    if before is None:
        raise InputError(f"{after.label} is the first release: there is nothing before it")
    if before == after:
        raise InputError(
            f"{after.label} is named twice: name another release, or measure it twice with "
            f"'cryoet-bench noise {after.name}'"
        )
    if before.date > after.date:
        raise InputError(f"{before.label} is newer than {after.label}: name the older one first")
    return before, after


def percentage(text: str) -> float:
    """Return a relative difference from how it is written: ``3%`` or ``0.03``.

    Raises
    ------
    InputError
        It is no such thing, or not between 0 and 100 %.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(%?)\s*", text)
    share = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < share < 1:
        raise InputError(f"{text!r} is no margin: give a percentage such as 3%")
    return share


def follow(steps: Iterator[NextBlock]) -> bool:
    """Measure, showing progress; return whether the user interrupted it."""
    return interruption.follow(steps, progress.shown(_status))


def _status(block: NextBlock) -> progress.Status:
    where = f"{block.decided} of {block.cases} decided"
    left = f"at most {progress.duration(block.seconds_left)} left"
    return progress.Status(where, block.case.title, block.fraction, left)


def _print(what: _Comparison) -> None:
    """Print the verdicts, the largest changes first, and what could not be measured."""
    found, cases = what.found, what.cases
    titles = {case.pair: case.title for case in cases}
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("case", "ratio", "interval", "verdict", "blocks"):
        table.add_column(heading, justify="left" if heading in {"case", "verdict"} else "right")
    for one in sorted(found, key=_prominence):
        cells = [titles[one.pair], f"{one.ratio:.3f}", _interval(one), _in_words(one)]
        table.add_row(*map(escape, cells), str(one.blocks))
    if found:
        _console.print(table)
    for case in cases:
        if case.reason:
            _console.print(f"{case.title}: {case.reason}", markup=False, soft_wrap=True)
    undecided = [one for one in found if one.verdict == "undecided"]
    if undecided:
        _console.print(f"{len(undecided)} undecided: rerun the same command to resume.")
    alike = sum(one.estimate.is_correlated for one in cases if not one.problems)
    if alike:
        _console.print(
            f"{alike} with blocks that resemble the ones before: the machine is not quiet, and no "
            "verdict is given on these."
        )


def _prominence(one: Confirmation) -> tuple[int, float]:
    """Order verdicts: changes by their size, then the undecided, then the equivalent."""
    order = ("changed", "undecided", "equivalent")
    return order.index(one.verdict), -abs(one.ratio - 1)


def _interval(one: Confirmation) -> str:
    """Return an interval as it is printed."""
    return "" if one.low is None or one.high is None else f"{one.low:.3f}-{one.high:.3f}"


def _in_words(one: Confirmation) -> str:
    """Return a verdict in words."""
    if one.verdict == "changed":
        return "slower or larger" if one.ratio > 1 else "faster or smaller"
    if one.verdict == "equivalent":
        return f"equivalent within {100 * one.margin:g} %"
    return "undecided"


def _as_json(done: Sequence[_Comparison]) -> str:
    document = {
        "format": "cryoet-bench-confirm",
        "confirmations": [asdict(one) for two in done for one in two.found],
        "not_measured": [
            {
                "before": two.pair[0].name,
                "after": two.pair[1].name,
                "benchmark": one.benchmark.name,
                "case": one.parameters,
                "reason": one.reason,
            }
            for two in done
            for one in two.cases
            if one.reason
        ],
    }
    return json.dumps(document, indent=2) + "\n"
