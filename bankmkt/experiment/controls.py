"""What negative controls found, beside each method's estimate."""

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL, holm
from bankmkt.experiment.estimate import Estimate

Found = Mapping[tuple[str, str], Estimate | str]
"""By method and outcome: the estimate, or why there is none."""

REASONS = {"negative": "no_control", "later": "no_later"}
"""Control (:func:`bankmkt.experiment.outcome_before`, :func:`bankmkt.experiment.later_exposure`): the column that says
why a method could not be used on it."""


def with_controls(table: pd.DataFrame, controls: Mapping[str, Found]) -> pd.DataFrame:
    """Add to each method's row what it finds where there can be no effect.

    Parameters
    ----------
    table
        ``method``, ``outcome``, ``estimate`` (missing where the method cannot be used: no control is shown then).
    controls
        By a name of :data:`REASONS`: what the methods find.

    Returns
    -------
    pandas.DataFrame
        For each control its name, ``*_low``, ``*_high``, ``*_p`` (Holm's over all rows of all controls), ``*_found``
        (whether that is beyond chance; None if not known) and the reason's column.

    Examples
    --------
    >>> table = pd.DataFrame({"method": ["matching"], "outcome": ["logins"], "estimate": [1.0]})
    >>> found = Estimate("matching", "logins", "ATT", 0.5, 0.1, 0.3, 0.7, 99, 99)
    >>> with_controls(table, {"negative": {("matching", "logins"): found}})["negative_found"].tolist()
    [True]
    """
    table, p_values = table.copy(), []
    for name, found in controls.items():
        keys = zip(table["method"], table["outcome"], table["estimate"].notna(), strict=True)
        shown = [found[method, outcome] if used else "" for method, outcome, used in keys]
        known = [e if isinstance(e, Estimate) else None for e in shown]
        table[name] = [np.nan if e is None else e.estimate for e in known]
        table[f"{name}_low"] = [np.nan if e is None else e.ci_low for e in known]
        table[f"{name}_high"] = [np.nan if e is None else e.ci_high for e in known]
        table[REASONS[name]] = [e if isinstance(e, str) else "" for e in shown]
        p_values.append([np.nan if e is None else _p_value(e) for e in known])
    adjusted = holm(np.concatenate(p_values)).reshape(len(controls), len(table))
    for name, p in zip(controls, adjusted, strict=True):
        table[f"{name}_p"] = p
        table[f"{name}_found"] = pd.Series(p < 1 - LEVEL, table.index, dtype=object).where(~np.isnan(p), None)
    return table


def _p_value(found: Estimate) -> float:
    return 2 * NormalDist().cdf(-abs(found.estimate) / found.se) if found.se > 0 else np.nan
