"""Negative controls: comparisons in which there can be no effect, so that what a method finds is a warning."""

from typing import Any

import pandas as pd

from bankmkt.errors import ParameterError
from bankmkt.experiment.estimate import yes_no
from bankmkt.experiment.panel import panel
from bankmkt.experiment.window import Campaign, campaign, members


def outcome_before(bank: Any, name: int | str, *, org_id: int | str | None = None) -> pd.DataFrame:
    """Describe a campaign's customers one outcome window before it, when it can have changed nothing.

    A negative-control outcome: all is as in the campaign's panel, but what was known and what happened is a window
    earlier, and ends where the campaign begins. A method that finds an effect here is warned, not refuted: either what
    makes people join is hidden from it, then and in the campaign; or people joined, or were chosen, by what happened
    in this very window, which the campaign's own panel shows and the earlier one cannot. That it finds none is no
    proof either: what came with the campaign's own months is not seen. Only an estimate by the recorded chances of
    being chosen should find nothing in both cases.

    Parameters
    ----------
    bank, name, org_id
        As in :func:`bankmkt.experiment.panel`.

    Returns
    -------
    pandas.DataFrame
        The columns of :func:`bankmkt.experiment.panel`, for those who were customers then; ``participated`` says who
        was to take part (in the campaign itself, or, if it is not open, who was to be treated).

    Raises
    ------
    ParameterError, SchemaError
        As :func:`bankmkt.experiment.panel`.
    Refused
        If the bank has no balances from one window before the campaign.

    Notes
    -----
    Sources: Lipsitch, Tchetgen Tchetgen & Cohen (2010), Epidemiology 21; Imbens (2015), Journal of Human Resources 50
    (there: pseudo-outcomes).
    """
    plan = campaign(bank, name)
    frame = bank.frame(panel(bank, name, org_id=org_id, months_earlier=plan.months))
    return as_joined(frame[frame["aum_mean_12"].notna()].reset_index(drop=True), plan)


def later_exposure(bank: Any, name: int | str, later: int | str, *, org_id: int | str | None = None) -> pd.DataFrame:
    """Compare, among those a campaign left alone, who took part in a later one with who did not.

    A negative-control exposure: a campaign that began after the outcome was read cannot have changed it, but similar
    people join. A method that finds an effect takes what makes people join for one.

    Parameters
    ----------
    bank, name, org_id
        As in :func:`bankmkt.experiment.panel`.
    later
        Name or number of a campaign that began when the outcome window of ``name`` was over.

    Returns
    -------
    pandas.DataFrame
        The panel of ``name`` without those who took part in it (or were treated, if it is not open);
        ``participated`` says who took part in (was treated by) the later campaign. Customers who were not in the
        later campaign are left out.

    Raises
    ------
    ParameterError
        If ``later`` began before the outcome window of ``name`` was over; and as :func:`bankmkt.experiment.panel`.
    SchemaError, Refused
        As :func:`bankmkt.experiment.panel`.

    Notes
    -----
    Source: Lipsitch, Tchetgen Tchetgen & Cohen (2010), Epidemiology 21.
    """
    plan, after = campaign(bank, name), campaign(bank, later)
    if after.starts_on <= plan.end:
        todo = "choose one that cannot have changed the outcome"
        raise ParameterError("later", later, f"a campaign that began after {plan.end}", todo)
    frame = as_joined(bank.frame(panel(bank, name, org_id=org_id)), plan)
    joined = bank.frame(members(bank, after, org_id).select("customer_id", later_joined="treated"))
    return (
        frame[~frame["participated"]]
        .merge(joined, on="customer_id")
        .assign(participated=lambda t: yes_no(t, "later_joined"))
        .drop(columns="later_joined")
    )


def as_joined(frame: pd.DataFrame, plan: Campaign) -> pd.DataFrame:
    """Let ``participated`` say who chose to take part, or, where the bank chose, whom it chose."""
    return frame.assign(participated=yes_no(frame, "participated" if plan.assignment == "open" else "treated"))
