"""The catalogue as a page: ``python -m bankmkt.tags.document docs/tags.md``."""

import sys
from pathlib import Path

from bankmkt.tags.catalogue import catalogue
from bankmkt.tags.declare import FAMILIES
from bankmkt.tags.families import house, house_tags
from bankmkt.tags.predictive import PREDICTIVE

_HEAD = """# Tags

Written by `python -m bankmkt.tags.document docs/tags.md` from `bankmkt/tags/families/`; change them there.

A tag is something worth knowing about a customer on a day, by a rule over features and attributes. *yes/no* tags are
conditions, others are numbers or texts; a *probability* is a predictive tag: what will happen, learned from the past.
A value is stale after *days*. *Reads* lists the columns behind it. `bm.tags.catalogue()` gives the same as a frame,
`bm.tags.lineage("payroll")` the features of one, and of a predictive tag what its model looks at, too.
`bm.tags.quality(bank, as_of)` tells how many customers a tag covers.
"""


def catalogue_markdown() -> str:
    """Return the catalogue as Markdown, a table a family.

    Examples
    --------
    >>> catalogue_markdown().splitlines()[0]
    '# Tags'
    """
    frame = catalogue()
    counts = frame.groupby("family").size()
    index = [f"- [{name}](#{name.replace(' ', '-')}): {counts[name]}" for name in FAMILIES if name in counts]
    parts = [
        _HEAD,
        f"{len(house_tags())} tags over {len(house()[0])} features, and {len(PREDICTIVE)} predictive tags:",
        "",
        *index,
        "",
    ]
    for name, rows in frame.groupby("family", sort=False):
        parts += [
            f"## {name}",
            "",
            "| code | name | 名称 | type | meaning | days | reads |",
            "|---|---|---|---|---|---|---|",
        ]
        parts += [
            f"| `{r.code}` | {r.name} | {r.name_zh} | {r.type} | {r.meaning} | {r.fresh_days} | {r.columns} |"
            for r in rows.itertuples()
        ]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(catalogue_markdown(), encoding="utf-8")
