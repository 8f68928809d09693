"""The errors bankmkt raises, each naming what was wrong, what was expected and what to do."""

from collections.abc import Iterable


class BankmktError(Exception):
    """Base of every error the package raises on purpose.

    Examples
    --------
    >>> raise ParameterError("bins", 0, "an integer from 2 to 20", "pass bins=5")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: bins = 0: expected an integer from 2 to 20; pass bins=5
    """

    def __init__(self, what: str, value: object = None, expected: str = "", todo: str = "") -> None:
        self.what, self.value, self.expected, self.todo = what, value, expected, todo
        text = what if value is None else f"{what} = {value!r}"
        if expected:
            text += f": expected {expected}"
        if todo:
            text += f"; {todo}"
        super().__init__(text)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Keep the four parts when the error crosses a process boundary."""
        return type(self), (self.what, self.value, self.expected, self.todo)


class SchemaError(BankmktError):
    """A table or column is missing, or is not what the contract says."""


class DataError(BankmktError):
    """The values, files or folders at hand cannot be used."""


class ParameterError(BankmktError):
    """An argument is outside what the function takes."""


class EngineError(BankmktError):
    """A database engine cannot be reached or cannot do what was asked."""


class Refused(BankmktError):
    """The answer would mislead, so it is withheld; the message says why."""


def one_of(names: Iterable[object]) -> str:
    """Render valid names for a message.

    Examples
    --------
    >>> one_of(["a", "b"])
    'one of a, b'
    """
    return "one of " + ", ".join(str(name) for name in names)
