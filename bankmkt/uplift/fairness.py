"""Who is chosen by age, gender or city, and limits on how differently groups are chosen."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.errors import DataError, ParameterError, one_of
from bankmkt.privacy import K, small_cells, small_parts
from bankmkt.uplift.policy_solver import Integers, Limit
from bankmkt.uplift.study import Floats, Study
from bankmkt.uplift.study_checks import check_index

VALUES = 12
"""Different numbers from which a column is cut into quarters."""
UNKNOWN, OTHER = "not known", "other values"
COLUMNS = [
    "column", "group", "customers", "chosen", "rate", "rate_ci_lower", "rate_ci_upper", "ratio", "effect",
    "effect_ci_lower", "effect_ci_upper", "suppressed",
]  # fmt: skip


def grouped(study: Study, groups: Any, k: int = K) -> pd.DataFrame:
    """Return the groups that are reported: columns of ``X`` or of a frame, as ordered texts.

    Many numbers are cut near their quartiles, at round numbers, and the ends are left open: no customer's own figure is
    a group's name. Values that fewer than ``k`` customers have are put together.

    Examples
    --------
    >>> X = pd.DataFrame({"age": np.arange(20.0, 60), "city": ["north", "south"] * 20})
    >>> study = Study(X, [0, 1] * 20, [0.0, 1.0] * 20, propensity=0.5)
    >>> found = grouped(study, ["age", "city"])
    >>> found["age"].cat.categories.tolist(), found["city"].cat.categories.tolist()
    (['below 30', '30 to below 40', '40 to below 49', '49 and more'], ['north', 'south'])
    """
    if groups is None:
        return pd.DataFrame(index=range(len(study)))
    if isinstance(groups, pd.DataFrame):
        check_index("groups", groups, study.index)
        frame = groups.reset_index(drop=True)
        if len(frame) != len(study):
            raise DataError("groups", f"{len(frame):,} rows", f"one per customer: {len(study):,}", "pass all of them")
    elif isinstance(groups, Sequence) and not isinstance(groups, str) and groups:
        for name in groups:
            if name not in study.X:
                raise ParameterError("groups", name, one_of(study.X.columns), "name columns of X, or pass a frame")
        frame = study.X[list(groups)].reset_index(drop=True)
    else:
        raise ParameterError("groups", groups, "a list of columns of X, or a frame", 'such as groups=["city_tier"]')
    return pd.DataFrame({str(name): named(column, k) for name, column in frame.items()})


def named(column: pd.Series, k: int) -> pd.Series:
    """Return a column as ordered texts, as :func:`grouped` reports it."""
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if number and column.nunique() > VALUES:
        x = column.to_numpy(dtype=float, na_value=np.nan)
        cuts = _round_cuts(x[~np.isnan(x)])
        inner = [f"{low:,.10g} to below {high:,.10g}" for low, high in itertools.pairwise(cuts)]
        names = [f"below {cuts[0]:,.10g}", *inner, f"{cuts[-1]:,.10g} and more", UNKNOWN]
        place = np.where(np.isnan(x), len(names) - 1, np.searchsorted(cuts, x, side="right"))
        found = pd.Series(np.array(names, dtype=object)[place], column.index)
    else:
        known = sorted(column.dropna().unique())
        texts = {value: f"{value:,.10g}" if number else str(value) for value in known}
        found = column.astype(object).map(texts).fillna(UNKNOWN)
        sizes = found.value_counts()
        found = found.where(~found.isin(sizes.index[sizes < k]), OTHER)
        names = [*texts.values(), OTHER, UNKNOWN]
    here = set(found)
    return found.astype(pd.CategoricalDtype([name for name in dict.fromkeys(names) if name in here], ordered=True))


def _round_cuts(x: Floats) -> list[float]:
    """Return the quartiles, rounded to some two digits of their distance."""
    quartiles = np.quantile(x, [0.25, 0.5, 0.75])
    apart = quartiles[2] - quartiles[0] or x.max() - x.min()
    digits = 1 - int(np.floor(np.log10(apart)))
    return sorted({round(float(each), digits) for each in quartiles})


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


def by_group(
    study: Study, psi: Floats, arm: Integers, frame: pd.DataFrame, judged: npt.NDArray[np.bool_], k: int = K
) -> pd.DataFrame:
    """Report who is chosen.

    Parameters
    ----------
    study, psi, arm, frame
        All customers, their effect scores, the arm chosen for them, and their groups.
    judged
        Customers kept apart from the choice: effects are measured on them.
    k
        Fewest customers that a figure may be about.

    Returns
    -------
    pandas.DataFrame
        A row per column and group: column, group, customers, chosen, rate with its interval (95 %, Wilson), ratio (of
        the rate to the highest of the column), effect (mean on those chosen, of the arm that they get) with its
        interval, missing with fewer than ``k`` customers who were left alone or who had that arm; suppressed. Groups
        about which fewer than ``k`` customers would be told have no figures, nor has a group that with them adds up to
        a known total; the size of a group is hidden so, too.
    """
    some, own = arm > 0, np.where(arm > 0, psi[np.arange(len(arm)), np.maximum(arm - 1, 0)], 0.0)
    rows: list[dict[str, Any]] = []
    for name, column in frame.items():
        for group in column.cat.categories:
            here = (column == group).to_numpy()
            n, chosen, effects = int(here.sum()), int((here & some).sum()), own[here & some & judged]
            rate, middle, half = _wilson(chosen, n)
            row = {"column": name, "group": group, "customers": n, "chosen": chosen, "rate": rate}
            row |= {"rate_ci_lower": middle - half, "rate_ci_upper": middle + half}
            mine, own_arm = study.arm[here & some & judged], arm[here & some & judged]
            told = min((mine == 0).sum(), (mine == own_arm).sum()) >= k
            effect = float(effects.mean()) if told else np.nan
            wide = Z * float(effects.std() / np.sqrt(len(effects))) if told else np.nan
            rows.append(row | {"effect": effect, "effect_ci_lower": effect - wide, "effect_ci_upper": effect + wide})
    found = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("ratio", "suppressed")])
    if found.empty:
        return pd.DataFrame(columns=COLUMNS)
    few = small_cells(found["customers"], by=[found["column"]], k=k)
    hidden = small_parts(found["chosen"], found["customers"], by=[found["column"]], k=k, hidden=few)
    shown = list(found.columns[3:])
    found["customers"] = found["customers"].astype(float).mask(few)
    found[shown] = found[shown].astype(float).mask(hidden)
    found.loc[found["chosen"] < k, ["effect", "effect_ci_lower", "effect_ci_upper"]] = np.nan
    found.insert(7, "ratio", found["rate"] / found.groupby("column")["rate"].transform("max"))
    return found.assign(suppressed=hidden)


def _wilson(chosen: int, n: int) -> tuple[float, float, float]:
    rate, more = chosen / n, Z**2 / n
    half = Z * np.sqrt(rate * (1 - rate) / n + more / (4 * n)) / (1 + more)
    return rate, (rate + more / 2) / (1 + more), float(half)
