"""Errors whose messages are written for users."""


class InputError(ValueError):
    """Error in something the user gave: a file, a value, an option.

    The message is one sentence that names the file or value, says what is wrong and what would be
    right. A command puts its option's name before the message, prints it without a traceback and
    exits with code 2.
    """


class UnavailableError(RuntimeError):
    """Error about something this machine lacks, when the program can go on without it.

    The message is one short sentence that says why.
    """
