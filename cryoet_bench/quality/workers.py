"""Work on many volumes, one after another or by Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cryoet_bench import extras
from cryoet_bench.errors import InputError


def results[Item, Result](
    work: Callable[[Item], Result],
    items: Sequence[Item],
    scheduler: str | None,
    lost: Callable[[Item, str], Result],
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with what the work on it returns, as it is finished.

    Parameters
    ----------
    work : callable
        Must be importable by workers.
    items : sequence
        What to work on; hashable and picklable.
    scheduler : str or None
        Address of a Dask scheduler whose workers see the same files; None works here.
    lost : callable
        Returns what stands for the result of an item whose worker died, and why.

    Raises
    ------
    InputError
        The scheduler cannot be reached or ends, Dask is not installed, or the work raised it.
    """
    if scheduler is None:
        for item in items:
            yield item, work(item)
        return
    extras.require("distributed")
    from distributed import Client, as_completed  # noqa: PLC0415

    try:
        client: Any = Client(  # type: ignore[no-untyped-call]
            scheduler, timeout="5s", set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"the Dask scheduler {scheduler} cannot be reached: {error}") from error
    with client, client.as_current():
        futures = {client.submit(work, item, pure=False): item for item in items}
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            if future.cancelled():
                raise InputError(f"the Dask scheduler {scheduler} is gone: rerun to resume")
            item, died = futures[future], future.exception()
            if isinstance(died, InputError):
                raise died
            if died:
                yield item, lost(item, f"the Dask worker failed: {died}")
            else:
                yield item, future.result()
