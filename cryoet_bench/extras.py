"""Which extra of the distribution installs a module that not every task needs."""

from __future__ import annotations

EXTRAS = {
    "asv": "bench",
    "asv_runner": "bench",
    "asv_tachyon": "bench",
    "cryoet_data_portal": "portal",
    "distributed": "batch",
    "fsspec": "portal",
    "imagecodecs": "tiff",
    "pandas": "bench",
    "pyarrow": "batch",
    "s3fs": "portal",
    "tenacity": "portal",
}
"""The extra by the name of the module; what is not here is always installed."""


def missing(module: str) -> str | None:
    """Return the sentence for a module that cannot be imported; None when no extra has it.

    Parameters
    ----------
    module : str
        Its name, dotted or not.
    """
    package = module.partition(".")[0]
    extra = EXTRAS.get(package)
    if extra is None:
        return None
    return f"this needs {package}, which is not installed: pip install 'cryoet-bench[{extra}]'"
