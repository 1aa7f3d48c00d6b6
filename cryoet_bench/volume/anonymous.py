"""Public buckets are read without an account, whatever account the user's settings name."""

from __future__ import annotations

import os
from typing import Any

# Each is (name in the configuration file, environment variables, default, conversion).
_NO_ACCOUNT = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def anonymous() -> dict[str, Any]:
    """Return the options of s3fs for a bucket that is read without an account.

    An account that is set half or wrongly (a profile that does not exist, a damaged file) would
    stop botocore even where none is needed, so its session does not look for one. The endpoint is
    still that of ``AWS_ENDPOINT_URL``.
    """
    from aiobotocore.session import AioSession  # noqa: PLC0415

    return {"anon": True, "session": AioSession(session_vars=_NO_ACCOUNT)}


def has_account() -> bool:
    """Tell whether the user has an account that a private bucket may know."""
    variables = {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN"}
    files = ("~/.aws/credentials", "~/.aws/config")
    return bool(variables & os.environ.keys()) or any(
        os.path.isfile(os.path.expanduser(file))  # noqa: PTH111, PTH113  (never raises)
        for file in files
    )
