"""The tables of a study: a row a measurement, and a row a configuration. Units are in the names."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.files import Kind, output
from cryoet_bench.study import pareto
from cryoet_bench.study.results import AXES, Results

if TYPE_CHECKING:
    import pandas as pd

_MARK = b"cryoet_bench_study"
PARQUET = Kind("table of a study", _MARK, binary=True)
CSV = Kind("table of a study", _MARK)


def measurements(found: Results) -> pd.DataFrame:
    """Return a row a measurement: of a time one a round, of an exact value one."""
    import pandas as pd  # noqa: PLC0415

    named = found.summary.set_index(["tomogram", "configuration"])[["labels", *AXES]]
    axes: Any = named.to_dict("index")
    rows = []
    for entry in found.ledger.entries.values():
        common = {
            "tomogram": entry.subject,
            "configuration": entry.configuration,
            **axes[entry.subject, entry.configuration],
            "store": found.store,
            "kind": entry.kind,
            "round": entry.round,
        }
        values = {name: min(samples) for name, samples in entry.samples.items()} | dict(
            entry.values
        )
        rows += [
            {
                **common,
                "measure": name,
                "value": value,
                "samples": len(entry.samples.get(name, ())) or None,
                "made_by": _MARK.decode(),
            }
            for name, value in values.items()
        ]
    return pd.DataFrame(rows)


def configurations(found: Results) -> pd.DataFrame:
    """Return a row a configuration: the summary with each one's share of the Pareto front."""
    shares = {
        (subject.name, name): share
        for subject in found.subjects
        for name, share in pareto.front_shares(found, subject).items()
    }
    keys = zip(found.summary["tomogram"], found.summary["configuration"], strict=True)
    return found.summary.assign(
        pareto_share=[shares.get(key, math.nan) for key in keys], made_by=_MARK.decode()
    )


def write(found: Results, folder: Path) -> list[Path]:
    """Write both tables as CSV and Parquet into a study's folder, and return the files."""
    written = []
    tables = {"measurements": measurements(found), "configurations": configurations(found)}
    for name, table in tables.items():
        for suffix, kind in ((".csv", CSV), (".parquet", PARQUET)):
            target = output(folder / f"{name}{suffix}", kind)
            buffer = io.BytesIO()
            if suffix == ".csv":
                table.to_csv(buffer, index=False)
            else:
                table.to_parquet(buffer, index=False)
            target.write(buffer.getvalue())
            written.append(target.path)
    return written
