"""Dates and times written in another way, such as ``%d.%m.%Y``."""

import re
from typing import Any

from bankmkt.errors import ParameterError

_PARTS = {
    "%Y": "([0-9]{4})",
    "%m": "([0-9]{1,2})",
    "%d": "([0-9]{1,2})",
    "%H": "([0-9]{1,2})",
    "%M": "([0-9]{2})",
    "%S": "([0-9]{2})",
}


def pattern(where: str, text: str) -> tuple[str, tuple[str, ...]]:
    """Return a regular expression for a format such as ``%d.%m.%Y``, and the parts in the order of its groups.

    Parameters
    ----------
    where
        Place of the format, for the message.
    text
        The format.

    Raises
    ------
    ParameterError
        When it is none, or leaves out part of the date.

    Examples
    --------
    >>> pattern("format", "%d.%m.%Y")
    ('^ *([0-9]{1,2})[.]([0-9]{1,2})[.]([0-9]{4}) *$', ('%d', '%m', '%Y'))
    """
    parts = re.findall(r"%.|[^%]+", text)
    order = tuple(p for p in parts if p.startswith("%"))
    if any(sign in p for p in parts if p not in order for sign in "[]^\\"):
        raise ParameterError(where, text, "signs such as - / . : between the parts", 'such as "%d.%m.%Y"')
    if set(order) - set(_PARTS) or not {"%Y", "%m", "%d"} <= set(order) or len(set(order)) < len(order):
        raise ParameterError(where, text, "%Y, %m, %d and perhaps %H, %M, %S, each once", 'such as "%Y%m%d"')
    # digits that run together must be of fixed width
    glued = re.search(r"%.%", text) is not None
    groups = {p: digits.replace("{1,2}", "{2}") if glued else digits for p, digits in _PARTS.items()}
    # a class around each sign rather than a backslash, which SQL dialects read differently
    signs = {p: "".join(f"[{sign}]" for sign in p) for p in parts if p not in groups}
    return "^ *" + "".join((groups | signs)[p] for p in parts) + " *$", order


def parse(v: Any, regex: str, order: tuple[str, ...]) -> Any:
    """Return text as a date and time in ISO form; not a date where it does not match.

    Parameters
    ----------
    v
        Ibis text column.
    regex, order
        Of :func:`pattern`.
    """
    part = {p: v.re_extract(regex, i + 1) for i, p in enumerate(order)}
    part = {p: text if p == "%Y" else text.lpad(2, "0") for p, text in part.items()}
    day = part["%Y"] + "-" + part["%m"] + "-" + part["%d"]
    if "%H" not in part:
        return day
    return day + " " + part["%H"] + ":" + part.get("%M", "00") + ":" + part.get("%S", "00")
