"""The parameters of a report: declared in the notebook, checked before anything runs.

A notebook declares them in the cell tagged ``parameters``, one a line: an annotated literal whose
comment says what it means, and may end with what is allowed::

    month: str = "2026-06"  # month to check, YYYY-MM
    smallest: int = 10      # fewest customers a number may stand for [3..1000]
    org_id: int | str | None = None  # a branch; None for the whole bank
    method: str = "cuped"   # how to adjust {plain, cuped}

``int | str`` takes a number where the value reads as one, and a text otherwise.
``[low..high]`` is a range, both ends included and either open; ``{a, b}`` lists the choices; the words
``YYYY-MM`` and ``YYYY-MM-DD`` ask for a month or a day.
"""

import ast
import datetime as dt
import io
import math
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bankmkt.errors import DataError, ParameterError, one_of

Value = str | int | float | bool | None
TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "float": float, "bool": bool, "int | str": (int, str),
}  # fmt: skip
_RANGE = re.compile(r"\s*\[\s*([-+.\d_e]*?)\s*\.\.\s*([-+.\d_e]*?)\s*\]\s*$")
_CHOICES = re.compile(r"\s*\{([^{}]*)\}\s*$")
_EXPECTED = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "int | str": "a whole number or a text",
}  # fmt: skip
_EXAMPLE = {"YYYY-MM": "2026-06", "YYYY-MM-DD": "2026-06-30"}
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Parameter:
    """A parameter as its notebook declares it."""

    name: str
    type: str
    default: Value
    meaning: str = ""
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        optional = " | None" if self.optional else ""
        return f"{self.name}: {self.type}{optional} = {self.default!r}  {self.meaning}{self.allowed}".rstrip()

    @property
    def allowed(self) -> str:
        """The range or the choices, as the notebook's comment writes them."""
        if self.choices:
            return " {" + ", ".join(self.choices) + "}"
        if self.minimum is None and self.maximum is None:
            return ""
        low, high = ("" if bound is None else f"{bound:g}" for bound in (self.minimum, self.maximum))
        return f" [{low}..{high}]"

    def read(self, given: object) -> Value:
        """Turn what the analyst gave into a value of this parameter's type.

        Texts, as they come from a command line, are converted; other values must have the type already.

        Raises
        ------
        ParameterError
            If the value has another type or is not allowed.
        """
        value = self._typed(given)
        if value is None:
            return None
        if self.choices and str(value) not in self.choices:
            raise ParameterError(self.name, given, one_of(self.choices), f"pass {self.choices[0]!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ParameterError(self.name, given, "a finite number", f"the default is {self.default!r}")
        if isinstance(value, int | float) and not (
            (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)
        ):
            raise ParameterError(self.name, given, f"a value in{self.allowed}", f"the default is {self.default!r}")
        form = re.search(r"YYYY-MM(-DD)?", self.meaning)
        if form and isinstance(value, str):
            try:
                dt.datetime.strptime(value, "%Y-%m-%d" if form[1] else "%Y-%m")
            except ValueError:
                todo = f"write it as {_EXAMPLE[form[0]]}"
                raise ParameterError(self.name, given, f"a date written {form[0]}", todo) from None
        return value

    def _typed(self, given: object) -> Value:
        kind = TYPES[self.type]
        wrong = ParameterError(self.name, given, _EXPECTED[self.type], f"the default is {self.default!r}")
        if given is None or (self.optional and isinstance(given, str) and given.lower() in ("none", "null", "")):
            if self.optional:
                return None
            raise wrong
        if kind == (int, str) and isinstance(given, str) and given.isdecimal() and str(int(given)) == given:
            return int(given)
        if isinstance(given, kind) and (kind is bool or not isinstance(given, bool)):
            return given  # type: ignore[return-value]  # kind is one of Value's types
        if kind is float and isinstance(given, int) and not isinstance(given, bool):
            return float(given)
        if kind is str and isinstance(given, dt.date):  # YAML reads 2026-06-30 as a date
            return given.isoformat()
        if not isinstance(given, str):
            raise wrong
        if kind is bool:
            if given.lower() not in _TRUE + _FALSE:
                raise wrong
            return given.lower() in _TRUE
        try:
            return int(given) if kind is int else float(given)
        except ValueError:
            raise wrong from None


def declared(notebook: Mapping[str, Any], name: str = "notebook") -> dict[str, Parameter]:
    """Read the parameters that a notebook declares.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    name : str
        For messages.

    Returns
    -------
    dict
        Name → :class:`Parameter` in the notebook's order; empty without a cell tagged ``parameters``.

    Raises
    ------
    DataError
        If the tagged cell holds anything but annotated literals, or a default that its own comment forbids.
    """
    tagged = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    found: dict[str, Parameter] = {}
    for cell in tagged[:1]:
        comments = _comments(cell["source"])
        for line in ast.parse(cell["source"]).body:
            parameter = _parameter(line, comments.get(line.end_lineno or line.lineno, ""), name)
            try:
                parameter.read(parameter.default)
            except ParameterError as error:
                what = f"the default of a parameter of {name} is not allowed ({error})"
                raise DataError(what, todo="correct the default, or what its comment allows") from error
            found[parameter.name] = parameter
    return found


def resolve(parameters: Mapping[str, Parameter], given: Mapping[str, object], name: str) -> dict[str, Value]:
    """Check what the analyst gave against what a notebook declares.

    Parameters
    ----------
    parameters : mapping
        As :func:`declared` returns them.
    given : mapping of name to value
    name : str
        The report, for messages.

    Returns
    -------
    dict
        The value of every declared parameter, given or default.

    Raises
    ------
    ParameterError
        If a name is unknown or a value is not allowed; the message lists what is.
    """
    check_names(given, {name: parameters})
    try:
        values = {key: parameters[key].read(value) for key, value in given.items()}
    except ParameterError as error:
        todo = f"{error.todo}{_listing({name: parameters})}"
        raise ParameterError(error.what, error.value, error.expected, todo) from None
    return {key: values.get(key, parameter.default) for key, parameter in parameters.items()}


def check_names(given: Iterable[str], reports: Mapping[str, Mapping[str, Parameter]]) -> None:
    """Raise a ParameterError unless each name is a parameter of at least one of the reports; it lists them all."""
    known = {name for parameters in reports.values() for name in parameters}
    for name in given:
        if name not in known:
            raise ParameterError(f"parameter {name!r} is unknown", todo=f"choose from these:{_listing(reports)}")


def _listing(reports: Mapping[str, Mapping[str, Parameter]]) -> str:
    lines = []
    for report, parameters in reports.items():
        lines += [f"{report} takes", *(f"  {parameter}" for parameter in parameters.values())]
    return "\n" + "\n".join(lines)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}


def _parameter(line: ast.stmt, comment: str, notebook: str) -> Parameter:
    wrong = DataError(
        f"line {line.lineno} of the parameters of {notebook}",
        ast.unparse(line),
        "an annotated literal",
        "write it like  bins: int = 5  # groups a score is cut into [2..20]",
    )
    if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None):
        raise wrong
    kinds = [kind.strip() for kind in ast.unparse(line.annotation).split("|")]
    kind = " | ".join(kind for kind in kinds if kind != "None")
    if kind not in TYPES:
        raise wrong
    try:
        default = ast.literal_eval(line.value)
    except ValueError:
        raise wrong from None
    limits, choices = _RANGE.search(comment), _CHOICES.search(comment)
    low, high = limits.groups() if limits else ("", "")
    return Parameter(
        name=line.target.id,
        type=kind,
        default=default,
        meaning=_CHOICES.sub("", _RANGE.sub("", comment)),
        optional="None" in kinds,
        minimum=float(low) if low else None,
        maximum=float(high) if high else None,
        choices=tuple(choice.strip().strip("\"'") for choice in choices[1].split(",")) if choices else (),
    )
