"""Errors that a person can mend."""


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what, where and how."""


class InputError(UserError):
    """Something that was given cannot be used: a file, or a value; a command ends with exit code 2."""
