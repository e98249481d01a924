"""Exceptions whose messages users are meant to read."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that names the file or value, says what is wrong and what would be
    right. A command puts before it the option that the value came by, prints it alone and exits
    with code 2.
    """


class UnavailableError(RuntimeError):
    """Something that this machine has not got, while another way goes on.

    The message is one short sentence that says why.
    """
