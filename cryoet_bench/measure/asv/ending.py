"""How asv's commands end here: in one sentence, and with the project's own exit codes."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asv import util
from asv.commands.compare import Compare
from asv.commands.continuous import Continuous
from asv.console import log

from cryoet_bench import conclusion
from cryoet_bench.errors import InputError


@contextmanager
def concluded() -> Iterator[None]:
    """End with the exit code for what cannot be done: asv's own, 1, is that of a finding."""
    try:
        yield
    except util.UserError as error:
        log.error(str(error))
        log.flush()
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        raise SystemExit(conclusion.INTERRUPTED if interrupted else conclusion.NOT_DONE) from error
    except Exception as error:
        log.debug(traceback.format_exc())
        log.error(conclusion.sentence(error, shows="--verbose"))
        log.flush()
        raise SystemExit(conclusion.NOT_DONE) from error


@contextmanager
def in_asvs_words() -> Iterator[None]:
    """Turn what the user can fix into asv's own kind of error, one sentence."""
    try:
        yield
    except InputError as error:
        raise util.UserError(str(error)) from error
    except KeyboardInterrupt as error:
        raise util.UserError("interrupted: what was measured so far is kept") from error


def concluding(original: Any) -> Any:
    """Return a command of asv that ends as those of this project do where it cannot be done."""

    def run_from_conf_args(cls: Any, conf: Any, args: Any) -> Any:
        with concluded():
            code = original(cls, conf, args)
        judges = issubclass(cls, (Compare, Continuous))
        # asv ends with 1 where nothing matches, too, and here that is the code of a finding.
        return conclusion.NOT_DONE if code and not judges else code

    return run_from_conf_args
