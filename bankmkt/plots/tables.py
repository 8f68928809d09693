"""Tables and sentences of a check-up, from the frames of :func:`bankmkt.health_check`."""

from typing import TYPE_CHECKING, Any

from bankmkt.plots import wording

if TYPE_CHECKING:
    import pandas as pd

NAMED = ("occupation", "city tier", "product", "channel", "kind")
"""Dimensions whose groups have the contract's names; others have names to read."""


def headline(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Write the headline figures with their units, as text for a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.headline``.

    Returns
    -------
    pandas.DataFrame
        indicator, this_month, last_month, change, last_year, change_on_year: all text.
    """
    import pandas as pd

    def row(r: Any) -> tuple[str, ...]:
        of = "points" if r.unit.startswith("share") else "%"
        money = not r.unit.startswith(("share", "products per", "logins per", *wording.COUNTS))
        name = wording.capital(wording.words(r.indicator))
        value, month, year = (
            wording.quantity(v, "" if money else r.unit) for v in (r.value, r.last_month, r.last_year)
        )
        changes = (wording.change(r.change_month_pct, of), wording.change(r.change_year_pct, of))
        return (f"{name}, {r.unit.split(' per ')[0]}" if money else name, value, month, changes[0], year, changes[1])

    names = ["indicator", "this_month", "last_month", "change", "last_year", "change_on_year"]
    return pd.DataFrame([row(r) for r in frame.itertuples()], columns=names)


def dashes(frame: "pd.DataFrame", k: int) -> str:
    """Say under a table what its dashes mean.

    Parameters
    ----------
    frame : pandas.DataFrame
        What the table shows.
    k : int
        ``HealthCheck.k``.

    Examples
    --------
    >>> import pandas as pd
    >>> dashes(pd.DataFrame({"share": [0.5, None]}), 10)
    '– is hidden: fewer than 10 customers, or all but fewer than 10; or not known; or nothing to compare with.'
    """
    if not (frame.isna() | frame.isin([wording.MISSING])).any(axis=None):
        return "Nothing in this table is hidden."
    return f"– is {wording.hidden(k)}; or not known; or nothing to compare with."


def by_dimension(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Write names in words, and each dimension once, above the groups that it has.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.groups`` or ``HealthCheck.channels``, or columns of it.

    Examples
    --------
    >>> import pandas as pd
    >>> by_dimension(pd.DataFrame({"dimension": "channel", "group": ["app", "pos"], "share": [0.7, 0.3]}))
      dimension                 group  share
    0   channel                   app    0.7
    1            card in a shop (POS)    0.3
    """
    again = frame["dimension"].eq(frame["dimension"].shift())
    return frame.assign(dimension=frame["dimension"].mask(again, ""), group=frame["group"].map(wording.words))


def named(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Write the names of series in words, as units and the whole already are.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.stands_out``, or rows of it.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"dimension": "channel", "group": "pos", "series": "channel pos", "statement": "channel pos: +9%"}
    >>> named(pd.DataFrame([row]))[["series", "statement"]].iloc[0].tolist()
    ['channel card in a shop (POS)', 'channel card in a shop (POS): +9%']
    """
    rows = frame.to_dict("records")
    texts = {
        text: [r[text].replace(r["group"], wording.words(r["group"]), 1) if r["dimension"] in NAMED else r[text]
               for r in rows]
        for text in ("series", "statement")
    }  # fmt: skip
    return frame.assign(**texts)


def verdict(frame: "pd.DataFrame") -> str:
    """Say in a sentence what stands out.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``HealthCheck.stands_out``.

    Examples
    --------
    >>> import pandas as pd
    >>> names = {"dimension": "branch", "group": "East", "series": "East"}
    >>> told = ["East: AUM fell 9.0% on last month", "East: AUM rose 0.1% on last month"]
    >>> verdict(pd.DataFrame({"unusual": [True, False], "statement": told} | names))
    '1 of 2 series stands out, above all: East: AUM fell 9.0% on last month.'
    """
    if frame.empty:
        return "What stands out cannot be told yet: the bank's past is too short, or its groups are too small."
    unusual = frame[frame["unusual"]]
    if unusual.empty:
        return f"Nothing stands out: none of {len(frame)} series moved further than its own past explains."
    verb = "stands" if len(unusual) == 1 else "stand"
    return f"{len(unusual)} of {len(frame)} series {verb} out, above all: {named(unusual)['statement'].iloc[0]}."
