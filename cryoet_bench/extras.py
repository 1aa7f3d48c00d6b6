"""Which extra of the distribution installs a module that not every task needs."""

from __future__ import annotations

from cryoet_bench.errors import InputError

EXTRAS = {
    "aiobotocore": "portal",
    "altair": "study",
    "asv": "bench",
    "asv_runner": "bench",
    "asv_tachyon": "bench",
    "cryoet_data_portal": "portal",
    "distributed": "batch",
    "imagecodecs": "tiff",
    "pandas": "bench",
    "pyarrow": "batch",
    "s3fs": "portal",
    "tenacity": "portal",
    "vl_convert": "study",
}
"""The extra by the name of the module; what is not here is always installed."""


def advice(module: str) -> str | None:
    """Return the sentence that says what installs a module; None when no extra has it.

    Parameters
    ----------
    module : str
        Its name, dotted or not.
    """
    package = module.partition(".")[0]
    extra = EXTRAS.get(package)
    return extra and f"this needs {package}: pip install 'cryoet-bench[{extra}]'"


def explained(error: ImportError) -> str | None:
    """Return the advice for a failed import; None when no extra would have helped.

    Libraries raise errors of their own from the first one (fsspec without s3fs), so the causes are
    looked at too.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError) and (sentence := advice(cause.name or "")):
            return sentence
        cause = cause.__cause__ or cause.__context__
    return None


def require(module: str) -> None:
    """Raise unless a module can be imported, before work is done whose result needs it.

    Raises
    ------
    InputError
        It is not installed; the message says which extra has it.
    """
    try:
        __import__(module)
    except ImportError as error:
        raise InputError(explained(error) or str(error)) from error
