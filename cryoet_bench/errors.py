"""Failures that the user can act on, each one sentence."""


class InputError(Exception):
    """Something given from outside cannot be used; the message says what, where and what to do.

    The command line prints the message alone and exits with 2.
    """
