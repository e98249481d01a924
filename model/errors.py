"""Errors whose messages are written for users."""

from model.text import LONGEST_SENTENCE, escaped


class InputError(ValueError):
    """Error in something the user gave: a file, a value, an option.

    The message is one sentence that names the file or value, says what is wrong and what would be
    right. It is one line of at most `LONGEST_SENTENCE` characters in which text from files is
    escaped. A command puts its option's name before the message, prints it without a traceback and
    exits with code 2.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(escaped(sentence, LONGEST_SENTENCE))


class UnavailableError(RuntimeError):
    """Error about something this machine lacks, when the program can go on without it.

    The message is one short sentence that says why.
    """
