"""Who is chosen by age, gender or city, and limits on how differently groups are chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.privacy import K, small_parts
from bankmkt.uplift.policy_solver import Integers, Limit
from bankmkt.uplift.study import Floats, Study, check_index

VALUES = 12
"""Different numbers from which a column is cut into quarters."""
COLUMNS = [
    "column", "group", "customers", "chosen", "rate", "rate_ci_lower", "rate_ci_upper", "ratio", "effect",
    "effect_ci_lower", "effect_ci_upper", "suppressed",
]  # fmt: skip


def grouped(study: Study, groups: Any) -> pd.DataFrame:
    """Return the groups that are reported: columns of ``X`` or of a frame, as texts; many numbers in quarters.

    Examples
    --------
    >>> X = pd.DataFrame({"age": np.arange(20.0, 60), "city": ["north", "south"] * 20})
    >>> study = Study(X, [0, 1] * 20, [0.0, 1.0] * 20, propensity=0.5)
    >>> grouped(study, ["age", "city"]).iloc[[0, 39]].values.tolist()
    [['20 to 29', 'north'], ['50 to 59', 'south']]
    """
    if groups is None:
        return pd.DataFrame(index=range(len(study)))
    if isinstance(groups, pd.DataFrame):
        check_index("groups", groups, study.index)
        frame = groups.reset_index(drop=True)
        if len(frame) != len(study):
            raise DataError("groups", f"{len(frame):,} rows", f"one per customer: {len(study):,}", "pass all of them")
    elif isinstance(groups, Sequence) and not isinstance(groups, str):
        for name in groups:
            if name not in study.X:
                raise ParameterError("groups", name, one_of(study.X.columns), "name columns of X, or pass a frame")
        frame = study.X[list(groups)].reset_index(drop=True)
    else:
        raise ParameterError("groups", groups, "a list of columns of X, or a frame", 'such as groups=["city_tier"]')
    return pd.DataFrame({str(name): _texts(column) for name, column in frame.items()})


def _texts(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        x = column.astype(float)
        if x.nunique() > VALUES:
            quarter = pd.qcut(x, 4, labels=False, duplicates="drop")
            ends = x.groupby(quarter).agg(["min", "max"])
            names = {place: f"{row['min']:,.10g} to {row['max']:,.10g}" for place, row in ends.iterrows()}
            return quarter.map(names).fillna("not known")
        return x.map(lambda value: "not known" if np.isnan(value) else f"{value:,.10g}")
    return column.astype(object).where(column.notna(), "not known").astype(str)


def ratio_limits(
    frame: pd.DataFrame, most: Mapping[str, float] | float | None, arms: int
) -> tuple[Integers, list[Limit]]:
    """Return each customer's cell, and limits that no group is chosen more than ``most`` times as often as another.

    Parameters
    ----------
    frame
        Of :func:`grouped`.
    most
        Largest ratio of two groups' rates, by column or of every column; None: no limit.
    arms
        Number of treated arms.

    Raises
    ------
    ParameterError
        If a ratio is below 1, or a column is not reported.
    """
    if most is None:
        return np.zeros(len(frame), dtype=np.int64), []
    wanted = dict(most) if isinstance(most, Mapping) else dict.fromkeys(frame.columns, most)
    if not wanted:
        raise ParameterError("max_ratio", most, "groups to be limited", "name them: groups=[...]")
    for name, ratio in wanted.items():
        if name not in frame:
            raise ParameterError("max_ratio", name, one_of(frame.columns), "name it in groups, too")
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 1 <= ratio < np.inf:
            raise ParameterError(f"max_ratio[{name!r}]", ratio, "a ratio from 1", "1.25 is the four-fifths rule")
    keys = frame[list(wanted)]
    cell, kinds = pd.factorize(pd.MultiIndex.from_frame(keys) if len(wanted) > 1 else keys.iloc[:, 0])
    of = {
        name: np.array(kinds.get_level_values(place) if len(wanted) > 1 else kinds) for place, name in enumerate(wanted)
    }
    limits = []
    for name, ratio in wanted.items():
        sizes = frame[name].value_counts()
        for one in sizes.index:
            for other in sizes.index.drop(one):
                use = (of[name] == one) / sizes[one] - ratio * (of[name] == other) / sizes[other]
                text = f"rate of {name} {one} at most {ratio:g} times that of {other}"
                limits.append(Limit(text, np.tile(use[:, None], arms), 0.0, 1 / sizes[one] + ratio / sizes[other]))
    return np.asarray(cell, dtype=np.int64), limits


def by_group(study: Study, psi: Floats, arm: Integers, frame: pd.DataFrame, k: int = K) -> pd.DataFrame:
    """Report who is chosen.

    Returns
    -------
    pandas.DataFrame
        A row per column and group: column, group, customers, chosen, rate with its interval (95 %, Wilson), ratio (of
        the rate to the highest of the column), effect (mean on those chosen, of the arm that they get) with its
        interval, suppressed. Groups about which fewer than ``k`` customers would be told have no figures.
    """
    some, own = arm > 0, np.where(arm > 0, psi[np.arange(len(arm)), np.maximum(arm - 1, 0)], 0.0)
    rows: list[dict[str, Any]] = []
    for name, column in frame.items():
        for group in sorted(column.unique()):
            here = (column == group).to_numpy()
            n, chosen, effects = int(here.sum()), int((here & some).sum()), own[here & some]
            rate, middle, half = _wilson(chosen, n)
            row = {"column": name, "group": group, "customers": n, "chosen": chosen, "rate": rate}
            row |= {"rate_ci_lower": middle - half, "rate_ci_upper": middle + half}
            effect = float(effects.mean()) if chosen else np.nan
            wide = Z * float(effects.std() / np.sqrt(chosen)) if chosen else np.nan
            rows.append(row | {"effect": effect, "effect_ci_lower": effect - wide, "effect_ci_upper": effect + wide})
    found = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("ratio", "suppressed")])
    if found.empty:
        return pd.DataFrame(columns=COLUMNS)
    hidden = small_parts(found["chosen"], found["customers"], by=[found["column"]], k=k)
    hidden |= found["customers"] < k
    shown = list(found.columns[3:])
    found["customers"] = found["customers"].astype(float).mask(found["customers"] < k)
    found[shown] = found[shown].astype(float).mask(hidden)
    found.loc[found["chosen"] < k, ["effect", "effect_ci_lower", "effect_ci_upper"]] = np.nan
    found.insert(7, "ratio", found["rate"] / found.groupby("column")["rate"].transform("max"))
    return found.assign(suppressed=hidden)


def _wilson(chosen: int, n: int) -> tuple[float, float, float]:
    rate, more = chosen / n, Z**2 / n
    half = Z * np.sqrt(rate * (1 - rate) / n + more / (4 * n)) / (1 + more)
    return rate, (rate + more / 2) / (1 + more), float(half)
