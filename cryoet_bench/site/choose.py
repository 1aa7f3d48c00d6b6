"""What to choose: the result of a study, from two of the files that ``cryoet-bench study`` writes.

The folder ``study`` next to this module holds that of the record's tomogram. To renew it, run::

    access=xy-slices,yz-slices,xz-slices,patches,subtomograms
    cryoet-bench study phantom-10A --access $access --out study
    cp study/recommendations.json study/configurations.csv cryoet_bench/site/study/
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryoet_bench.record.overview import value_in_words
from cryoet_bench.site.wording import amount

FOLDER = Path(__file__).with_name("study")

_TIMES = {
    "xy_slices_s": "xy slice", "yz_slices_s": "yz slice", "xz_slices_s": "xz slice",
    "patches_s": "patches", "subtomograms_s": "boxes", "read_s": "read", "write_s": "write",
}  # fmt: skip
_MEASURES = {"stored_bytes": "size", "whole_objects": "files"}
_PROFILES = ("archival", "analysis", "visualisation")
_UNUSABLE = {"n/a": "not installed"}


@dataclass(frozen=True)
class Advice:
    """What to write for one use.

    Attributes
    ----------
    use, purpose : str
        What the volume is stored for, in a word and in a sentence.
    choice : str
        The configuration.
    loss : str
        Its largest error; empty where it keeps every bit.
    sentence : str
        How sure that is, in the words of the study.
    runner_up : str
        The next one; empty where nothing else qualifies.
    against : list of str
        The runner-up's measures against those of the choice: ``size +12 %``.
    portal : str
        What it saves against the layout of the CryoET Data Portal.
    setting : str
        What the times that were weighed hold.
    code : mapping of str to str
        That writes it, by library.
    """

    use: str
    purpose: str
    choice: str
    loss: str
    sentence: str
    runner_up: str
    against: list[str]
    portal: str
    setting: str
    code: Mapping[str, str]


@dataclass(frozen=True)
class Configuration:
    """A row of the table.

    Attributes
    ----------
    name : str
        Codec, chunks and format.
    cells : list of str
        In the order of `Study.columns`.
    uses : list of str
        What it is recommended for.
    ratio, slice_s : float or None
        Its place on the chart.
    lossless : bool
        Whether it keeps every bit.
    """

    name: str
    cells: list[str]
    uses: list[str]
    ratio: float | None
    slice_s: float | None
    lossless: bool


@dataclass(frozen=True)
class Study:
    """What was found on one tomogram.

    Attributes
    ----------
    tomogram : str
        Its name.
    rounds : int
        Of fresh processes, for each configuration.
    advice : list of Advice
        For each use.
    columns : list of str
        Headings of the table.
    configurations : list of Configuration
        The smallest first.
    """

    tomogram: str
    rounds: int
    advice: list[Advice]
    columns: list[str]
    configurations: list[Configuration]


def read(folder: Path = FOLDER) -> Study:
    """Return the study of a folder."""
    facts = json.loads((folder / "recommendations.json").read_text("utf-8"))["recommendations"]
    with (folder / "configurations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    errors = {row["configuration"]: _error(row) for row in rows}
    advice = [_advice(one, errors) for one in facts]
    times = [key for key in _TIMES if rows[0].get(key)]
    rows.sort(key=lambda row: -(_number(row["ratio"]) or 0))
    return Study(
        tomogram=rows[0]["tomogram"],
        rounds=max(int(row["rounds"]) for row in rows),
        advice=advice,
        columns=["ratio", "largest error", "fit for", "files", *map(_TIMES.__getitem__, times)],
        configurations=[_configuration(row, times, advice) for row in rows],
    )


def _advice(facts: Mapping[str, Any], errors: Mapping[str, str]) -> Advice:
    found = facts["recommendation"]
    use = found["demand"]["use"]
    return Advice(
        use=use["name"],
        purpose=use["purpose"],
        choice=found["choice"],
        loss=errors[found["choice"]],
        sentence=found["sentence"],
        runner_up=found["runner_up"],
        against=[
            f"{_measure(name)} {amount(ratio)}"
            for name, ratio in found["against"].items()
            if abs(ratio - 1) >= 0.0005  # what is shown as a change
        ],
        portal=_portal(found["choice"], facts),
        setting=found["setting"],
        code=facts["code"],
    )


def _portal(choice: str, facts: Mapping[str, Any]) -> str:
    portal = facts["portal"]
    if portal is None:
        return ""
    if portal["configuration"] == choice:
        return "That is the layout of the CryoET Data Portal."
    less = 1 - facts["bill"]["yearly"]["value"] / portal["yearly"]["value"]
    word = "less" if less > 0 else "more"
    return (
        f"It costs {100 * abs(less):.0f} % {word} a year than the layout of the CryoET Data Portal "
        f"({portal['configuration']})."
    )


def _measure(name: str) -> str:
    return _TIMES.get(name) or _MEASURES.get(name) or name.replace("_", " ")


def _configuration(row: Mapping[str, str], times: list[str], advice: list[Advice]) -> Configuration:
    passed = row["status"] == "passed"
    fit = next((one for one in _PROFILES if row[f"verify_{one}"] != "fail"), "nothing")
    error = _error(row)
    return Configuration(
        name=row["configuration"],
        cells=[
            value_in_words(_number(row["ratio"]), ""),
            (error or "none") if passed else "",
            fit if passed else _UNUSABLE.get(row["status"], "disqualified"),
            value_in_words(_number(row["objects"]), ""),
            *(value_in_words(_number(row[key]), "seconds") for key in times),
        ],
        uses=[one.use for one in advice if one.choice == row["configuration"]],
        ratio=_number(row["ratio"]),
        slice_s=_number(row["xy_slices_s"]),
        lossless=not error,
    )


def _error(row: Mapping[str, str]) -> str:
    """Return the largest error, in standard deviations of the volume; empty without any."""
    return "" if row["bit_exact"] == "1.0" else f"{_number(row['max_error_sd']) or 0:.2g} SD"


def _number(text: str) -> float | None:
    return float(text) if text else None
