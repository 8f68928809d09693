"""Tables that people read, from the frames of :mod:`bankmkt.experiment`."""

from typing import TYPE_CHECKING

from bankmkt.plots import reading, wording

if TYPE_CHECKING:
    import pandas as pd


def growth_table(published: "pd.DataFrame") -> "pd.DataFrame":
    """Lay the published figures out with a row per indicator and group.

    Parameters
    ----------
    published : pandas.DataFrame
        Of :func:`bankmkt.experiment.compare`.

    Returns
    -------
    pandas.DataFrame
        ``indicator`` (AUM in thousand yuan), ``group``, ``before``, ``after``, ``growth``, ``interval`` (text) and
        ``year_on_year``.
    """
    import pandas as pd

    rows = []
    for r in published.to_dict("records"):
        size, unit = (1e3, ", thousand yuan") if r["unit"] == "yuan" else (1, "")
        for group in ("participants", "others"):
            low, high = (wording.change(100 * r[f"{group}_growth_{limit}"]) for limit in ("low", "high"))
            rows.append({
                "indicator": f"{r['label']}{unit}", "group": group,
                "before": r[f"{group}_before"] / size, "after": r[f"{group}_after"] / size,
                "growth": r[f"{group}_growth"], "interval": f"{low} to {high}",
                "year_on_year": r[f"{group}_year_on_year"],
            })  # fmt: skip
    return pd.DataFrame(rows)


def ratio_table(published: "pd.DataFrame") -> "pd.DataFrame":
    """Lay the ratios of growth out beside their intervals and what has been published of such a campaign.

    Parameters
    ----------
    published : pandas.DataFrame
        Of :func:`bankmkt.experiment.compare`.

    Returns
    -------
    pandas.DataFrame
        ``indicator``, ``ratio``, ``interval`` and ``elsewhere`` (texts).
    """
    import pandas as pd

    return pd.DataFrame([
        {
            "indicator": r["label"], "ratio": r["ratio"], "interval": reading.ratio_range(r),
            "elsewhere": f"{r['published_low']:g} to {r['published_high']:g}",
        }
        for r in published.to_dict("records")
    ])  # fmt: skip


def placebo_table(placebos: "pd.DataFrame") -> "pd.DataFrame":
    """Lay out what difference-in-differences finds before the campaign, when nothing can be there.

    Parameters
    ----------
    placebos : pandas.DataFrame
        A row per outcome of :func:`bankmkt.experiment.placebo`.

    Returns
    -------
    pandas.DataFrame
        ``indicator``, ``gap`` with its interval, ``verdict`` (texts).
    """
    import pandas as pd

    return pd.DataFrame([
        {
            "indicator": reading.NAMES[r["outcome"]], "gap": reading.amount(r, r["outcome"]),
            "verdict": "moved apart already" if r["ci_low"] > 0 or r["ci_high"] < 0 else "no clear sign",
        }
        for r in placebos.to_dict("records")
    ])  # fmt: skip


def pilot_table(estimates: "pd.DataFrame") -> "pd.DataFrame":
    """Lay out what a randomised pilot found, and whether chance alone could do it.

    Parameters
    ----------
    estimates : pandas.DataFrame
        Of :func:`bankmkt.experiment.evaluate`.

    Returns
    -------
    pandas.DataFrame
        A row per outcome of the pilot: ``indicator``, ``invited`` and ``joined`` with their intervals, ``verdict``
        (texts).
    """
    import pandas as pd

    trials = estimates[estimates["target"].isin(["ITT", "CACE"])]
    rows = []
    for outcome in trials["outcome"].unique():
        found = trials[trials["outcome"] == outcome].set_index("target")
        invited, joined = found.loc["ITT"], found.loc["CACE"]
        clear = joined["ci_low"] > 0 or joined["ci_high"] < 0
        rows.append({
            "indicator": reading.NAMES[outcome], "invited": reading.amount(invited, outcome),
            "joined": reading.amount(joined, outcome), "verdict": "yes" if clear else "no: the interval holds 0",
        })  # fmt: skip
    return pd.DataFrame(rows)
