"""Effects without an experiment, from how each group moved: difference-in-differences and its placebo test."""

from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import ParameterError, one_of
from bankmkt.experiment.estimate import Estimate, groups, local, mean_difference, numbers, outcome_values
from bankmkt.experiment.given import whole
from bankmkt.privacy import K

BEFORE = {
    "aum_change": ("aum_0", "aum_mean_12", 0.0),
    "products_change": ("products_0", "products_mean_12", 0.0),
    "logins": ("logins_before", "logins_mean_12", -1.0),
}
"""Outcome: the panel's latest level before the campaign, its mean over the year before, and the month (0 is the
baseline) at which that latest level is centred."""

MIDDLE_OF_YEAR = -5.5
"""Month at which the mean over the year before is centred."""


def naive_difference(panel: Any, outcome: str, *, k: int = K) -> Estimate:
    """Return the plain difference in mean outcome between participants and others: no effect, a description.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        Column of the panel.
    k
        Smallest group that is compared.

    Returns
    -------
    Estimate
        With unequal variances (Welch) in its interval.

    Raises
    ------
    Refused
        If a group has fewer than ``k`` customers.
    """
    frame = local(panel)
    joined, y = groups(frame, "participated", k), outcome_values(frame, outcome)
    note = "describes who joined as much as what joining did"
    return _mean_gap("participants − others", outcome, y, joined, note)


def _mean_gap(method: str, outcome: str, y: np.ndarray, joined: np.ndarray, note: str) -> Estimate:
    gap, influence = mean_difference(y, joined)
    return Estimate.from_influence(method, outcome, "ATT", gap, influence, int(joined.sum()), note)


def difference_in_differences(
    panel: Any, outcome: str, *, months: int | None = None, remove_trend: bool = False, k: int = K
) -> Estimate:
    """Compare how both groups moved away from their own average of the year before.

    The effect is participants' move less the others' move; it is right if both would have moved alike without the
    campaign (parallel trends), of which :func:`placebo` is a test. ``remove_trend`` extends a straight line through
    the placebo gap to the outcome window and subtracts it.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`.
    outcome
        ``"aum_change"``, ``"products_change"`` or ``"logins"``.
    months
        Length of the outcome window; needed with ``remove_trend``.
    remove_trend
        Whether to take the trend before the campaign off.
    k
        Smallest group that is compared.

    Returns
    -------
    Estimate
        Of the effect on participants.

    Raises
    ------
    ParameterError
        If the outcome has no value before the campaign, like conversion.
    Refused
        If a group has fewer than ``k`` customers.

    Notes
    -----
    Source: Angrist & Pischke (2009), Mostly Harmless Econometrics, ch. 5. The pre-period is the mean of twelve
    months, not one month, so that a chance dip before joining does not count as growth afterwards.
    """
    frame = local(panel)
    joined = groups(frame, "participated", k)
    latest, average = levels_before(frame, outcome)
    after = outcome_values(frame, outcome)
    if outcome != "logins":
        after = after + latest
    if not remove_trend:
        note = "right only if both groups would have moved alike"
        return _mean_gap("difference-in-differences", outcome, after - average, joined, note)
    if months is None:
        raise ParameterError("months", months, "the outcome window's length", "pass campaign(...).months")
    reach = trend_reach(outcome, whole("months", months, 1))
    note = "right only if the trend before would have gone on"
    y = after - average - reach * (latest - average)
    return _mean_gap("difference-in-differences, trend removed", outcome, y, joined, note)


def levels_before(frame: pd.DataFrame, outcome: str) -> tuple[np.ndarray, np.ndarray]:
    """Return each customer's latest level before the campaign and the mean over the year before."""
    if outcome not in tuple(BEFORE):
        todo = "use doubly_robust for an outcome that starts at 0 for everybody"
        raise ParameterError("outcome", outcome, one_of(BEFORE), todo)
    latest, average = (numbers(frame, name) for name in BEFORE[outcome][:2])
    return latest, np.where(np.isnan(average), latest, average)


def trend_reach(outcome: str, months: int) -> float:
    """Return how much further than the placebo the outcome window lies from the middle of the year before."""
    middle_of_window = (months + 1) / 2 if outcome == "logins" else float(months)
    return (middle_of_window - MIDDLE_OF_YEAR) / (BEFORE[outcome][2] - MIDDLE_OF_YEAR)


def placebo(panel: Any, outcome: str, *, k: int = K) -> Estimate:
    """Apply difference-in-differences to the last moment before the campaign, when no effect can be there.

    An interval that excludes 0 says that the groups were moving apart already, so
    :func:`difference_in_differences` is not to be believed.

    Parameters
    ----------
    panel, outcome, k
        As in :func:`difference_in_differences`.

    Returns
    -------
    Estimate
        The gap that opened between the groups, from the mean of the year before to just before the campaign.

    Raises
    ------
    ParameterError, Refused
        As :func:`difference_in_differences`.
    """
    frame = local(panel)
    joined = groups(frame, "participated", k)
    latest, average = levels_before(frame, outcome)
    return _mean_gap("placebo before the campaign", outcome, latest - average, joined, "should be 0")
