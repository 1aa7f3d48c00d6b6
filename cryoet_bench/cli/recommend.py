"""``cryoet-bench recommend``: what a study says to write for a use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cryoet_bench import extras
from cryoet_bench.cli import consoles
from cryoet_bench.cli.options import Json
from cryoet_bench.cli.study import MOST_VOLUMES, PRICE, FlatPrice, PriceName
from cryoet_bench.conclusion import say

_console = consoles.for_results()


def recommend(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a study, finished or not.")
    ],
    use: Annotated[
        str, typer.Option("--for", help="archive, interactive, training or visualisation.")
    ] = "interactive",
    store: Annotated[
        str | None,
        typer.Option(
            help="Where volumes lie, local or s3, in place of the use's store: s3 for "
            "visualisation, local for the others."
        ),
    ] = None,
    min_fsc: Annotated[
        float | None,
        typer.Option(help="Least Fourier shell correlation of the copy, such as 0.999."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="Profile of verify that the copy has to pass, in place of the use's: archival, "
            "analysis or visualisation."
        ),
    ] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every bit.")] = False,
    volumes: Annotated[
        int, typer.Option(min=1, max=MOST_VOLUMES, help="Volumes in the collection, for costs.")
    ] = 1,
    mean_size: Annotated[
        str | None,
        typer.Option(
            help="Mean size of a volume without compression, such as 2.3GB; that of the tomogram "
            "if left out."
        ),
    ] = None,
    price: PriceName = PRICE,
    price_per_tb_month: FlatPrice = None,
    reads: Annotated[
        float, typer.Option(help="How often each volume is read as a whole in a year.")
    ] = 1.0,
    downloaded: Annotated[
        float, typer.Option(help="Share of those reads that leaves the cloud, 0 to 1.")
    ] = 0.5,
    weights: Annotated[
        Path | None, typer.Option(help="Use cases of your own, a TOML file.")
    ] = None,
    code: Annotated[bool, typer.Option(help="Print the code to paste.")] = True,
    view: Annotated[
        bool, typer.Option("--view", help="Show each choice alongside its original in napari.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Recommend what to write for a use, from a study.

    \b
    cryoet-bench recommend study-my_tomogram --for archive --volumes 15000 --mean-size 2.3GB
    cryoet-bench recommend study-my_tomogram --for interactive --store s3 --lossless

    It states the choice, the runner-up, how sure that is, what it costs, and the code to paste.
    """
    extras.require("pandas")
    from cryoet_bench.quality.fidelity.profiles import profile_named
    from cryoet_bench.study import advice, cost, ledger, uses, whole
    from cryoet_bench.study.recommendation import Demand
    from cryoet_bench.study.results import results

    if store is not None:
        whole.require_store(store)
    demand = Demand(
        use=uses.use_named(use, uses.read_use_cases(weights)),
        store=store,
        min_fsc=min_fsc,
        profile=profile and profile_named(profile).name,
        lossless=lossless,
    )
    paid = cost.read_price(price) if price_per_tb_month is None else cost.flat(price_per_tb_month)
    stored = cost.Collection(
        volumes=volumes,
        mean_bytes=None if mean_size is None else cost.parse_size(mean_size),
        reads=reads,
        downloaded=downloaded,
    )
    found = results(ledger.read(folder))
    if found.missing:
        say(
            f"the study in {folder} is not finished: {found.missing:,} trials are missing, and "
            "what follows rests on the others; rerun it to resume"
        )
    advised = advice.advise(found, demand, paid, stored)
    if as_json:
        typer.echo(json.dumps([one.facts() for one in advised], indent=2))
    else:
        for one in advised:
            _console.print(one.text(with_code=code), markup=False, soft_wrap=True)
    if view:
        from cryoet_bench.study import viewer

        viewer.show(
            found, [(one.recommendation.subject, one.recommendation.choice) for one in advised]
        )
