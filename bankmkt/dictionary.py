"""The data dictionary, written from the schema: ``python -m bankmkt.dictionary docs/data-dictionary.md``."""

import sys
from pathlib import Path

from bankmkt.schema import TABLES, Column, Table

_HEAD = """# Data dictionary

Written by `python -m bankmkt.dictionary` from `bankmkt/schema.py`; change it there.

Money is yuan as float64 rounded to 2 decimals; points and counts are int64; timestamps are the bank's local time
without zone. An id is int64 or string, as the bank has it: all ids of one kind (a customer's, in every table) are of
one type. A column that *may be missing* may hold nulls or be left out of the files. Columns marked *set later* read as
null in `bank.as_of(day)` when their date is after the day.
"""


def schema_markdown() -> str:
    """Return the data dictionary as Markdown.

    Returns
    -------
    str
        A list of the tables, then a section for each with its columns and rules.

    Examples
    --------
    >>> schema_markdown().splitlines()[0]
    '# Data dictionary'
    """
    index = ["| table | a row is | needed | key |", "|---|---|---|---|"]
    for t in TABLES.values():
        needed = "if used" if t.optional else "**yes**"
        index.append(f"| [{t.name}](#{t.name}) | {t.row} | {needed} | {', '.join(t.key)} |")
    return "\n".join([_HEAD, *index, "", *(_section(t) for t in TABLES.values())])


def _section(t: Table) -> str:
    lines = [f"## {t.name}", "", f"A row is {t.row}. Key: {', '.join(f'`{name}`' for name in t.key)}.", ""]
    lines += ["| column | type | meaning | unit | may be missing | values |", "|---|---|---|---|---|---|"]
    lines += [_line(c) for c in t.columns]
    rules = _rules(t)
    return "\n".join([*lines, *(["", "Rules:", "", *(f"- {rule}" for rule in rules)] if rules else []), ""])


def _line(c: Column) -> str:
    notes = [", ".join(c.values)] if c.values else []
    if c.minimum is not None and c.maximum is not None:
        notes.append(f"{c.minimum:g} to {c.maximum:g}")
    elif c.minimum is not None:
        notes.append(f"from {c.minimum:g}" + (", if a number" if c.type == "id" else ""))
    if c.references:
        notes.append(f"found in {c.references}")
    if c.set_later:
        notes.append("set later")
    missing = "yes" if c.nullable else ""
    kind = "int64 or string" if c.type == "id" else c.type
    return f"| `{c.name}` | {kind} | {c.meaning} | {c.unit} | {missing} | {'; '.join(notes)} |"


def _rules(t: Table) -> list[str]:
    """Say in words what binds the rows of a table."""
    out = []
    if t.time:
        out.append(f"known since `{t.time}`" + (", the last day of a month" if t.month_end else ""))
    if t.in_life:
        out.append("lies between the customer's `opened_on` and `closed_on`")
    if t.in_campaign:
        out.append("lies between the `starts_on` and `ends_on` of the campaign it names")
    return out + [rule.name for rule in t.rules]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_markdown(), encoding="utf-8")
