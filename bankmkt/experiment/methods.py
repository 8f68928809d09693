"""Every method without chance on the same customers: what each says, and what speaks for or against believing it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.errors import ParameterError, Refused, SchemaError
from bankmkt.experiment.controls import with_controls
from bankmkt.experiment.did import BEFORE, difference_in_differences, naive_difference
from bankmkt.experiment.estimate import Estimate, local, yes_no
from bankmkt.experiment.few import rests_on_few
from bankmkt.experiment.given import chances, check_covariates, whole
from bankmkt.experiment.matching import matching
from bankmkt.experiment.negative import as_joined, later_exposure, outcome_before
from bankmkt.experiment.observational import CLIP, doubly_robust, propensity
from bankmkt.experiment.panel import COVARIATES, panel
from bankmkt.experiment.sensitivity import Sensitivity, against, check_kinds, odds_without
from bankmkt.experiment.truth import beside_truth, check_truth, truth_of
from bankmkt.experiment.verdicts import ALIKE, MOVES, NAIVE, RECORDED, verdict
from bankmkt.experiment.weighting import weighting
from bankmkt.experiment.window import campaign
from bankmkt.privacy import K, check_k

NOT_RECORDED = "the chances that the bank noted are of this campaign, not of the later one"

Found = dict[tuple[str, str], Estimate | str]
"""By method and outcome: the estimate, or why there is none."""


def methods(
    bank: Any,
    name: int | str,
    *,
    org_id: int | str | None = None,
    outcomes: Sequence[str] | None = None,
    later: int | str | None = None,
    made: pd.DataFrame | None = None,
    learner: str = "linear",
    seed: int = 7,
    k: int = K,
) -> pd.DataFrame:
    """Put every method that does without chance beside the others, its diagnostics, and the truth where known.

    In an open campaign those who took part are compared with those who did not; in others, those whom the bank
    treated with those whom it did not, as if nobody had noted how they were chosen; where somebody had, a last method
    makes use of it.

    Parameters
    ----------
    bank
        An open bank.
    name
        Name of the campaign, or its number.
    org_id
        Customers of this unit and those below it; None for the whole bank.
    outcomes
        Columns of the panel; the campaign's own outcome and those of which the past is known, if not given.
    later
        Name or number of a campaign that customers chose, or the bank chose them for, when the outcome window was
        over: a second negative control (:func:`bankmkt.experiment.later_exposure`).
    made
        Estimates of this campaign that exist already, as ``Evaluation.estimates`` has them; not made again.
    learner
        Of the models behind estimates, negative controls and robustness values; each is fitted several times.
    seed
        Of folds and trees.
    k
        Smallest group that is compared.

    Returns
    -------
    pandas.DataFrame
        A row per outcome and method:

        - ``method``, ``outcome``, ``target``, ``estimate``, ``se``, ``ci_low``, ``ci_high``, ``treated``, ``control``;
          missing if the method cannot be used;
        - with truth: ``truth``, ``error``, ``covers``, and ``recovered``, one less |error| as a share of the plain
          difference's (missing where that is within chance; below 0 where the method is further off);
        - ``width`` of the interval, in widths of the plain difference's;
        - ``rests_on``: why the estimate is not to be trusted, if it rests on one customer or on five, as in
          :func:`bankmkt.experiment.every_campaign`;
        - ``negative``, ``negative_low``, ``negative_high``: what the method finds one window before the campaign
          (:func:`bankmkt.experiment.outcome_before`), ``negative_p`` (Holm's over all rows and controls),
          ``negative_found``, whether that is beyond chance, and ``no_control``, why the method could not be used
          before the campaign;
        - with ``later``: ``later``, ``later_low``, ``later_high``, ``later_p``, ``later_found`` and ``no_later``, the
          same of who took part in that campaign among those left alone by this one;
        - ``robustness_value`` (:func:`bankmkt.experiment.sensitivity`), and ``times``: how many times as strong as
          the ``yardstick``, the strongest one, a hidden cause must be to explain it away;
        - ``verdict``, in words. Without truth none says that an effect is proven: no check on the data can.

    Raises
    ------
    ParameterError, SchemaError, Refused
        As :func:`bankmkt.experiment.panel`; a method that must refuse is a row with the reason.
    """
    check_k(k)
    plan = campaign(bank, name)
    frame = as_joined(bank.frame(panel(bank, name, org_id=org_id)), plan)
    try:
        before: pd.DataFrame | str = outcome_before(bank, name, org_id=org_id)
    except Refused as refusal:
        before = str(refusal)
    after: pd.DataFrame | str | None = None
    if later is not None:
        try:
            after = later_exposure(bank, name, later, org_id=org_id)
        except Refused as refusal:
            after = str(refusal)
    if outcomes is None:
        known = [o for o in BEFORE if frame[o].notna().all()]
        outcomes = known if plan.outcome in known else [plan.outcome, *known]
    noted = plan.assignment != "open" and bool(frame["propensity"].notna().all())
    return compare_methods(
        frame, outcomes, before=before, later=after, truth=truth_of(bank, name), months=plan.months, made=made,
        recorded=noted, learner=learner, seed=seed, k=k,
    )  # fmt: skip


def compare_methods(
    panel: Any,
    outcomes: Sequence[str],
    *,
    before: pd.DataFrame | str = "there is no panel of the time before",
    later: pd.DataFrame | str | None = None,
    truth: pd.DataFrame | None = None,
    months: int = 1,
    made: pd.DataFrame | None = None,
    recorded: bool = False,
    covariates: Sequence[str] = COVARIATES,
    kinds: Mapping[str, Sequence[str]] | None = None,
    learner: str = "linear",
    seed: int = 7,
    k: int = K,
) -> pd.DataFrame:
    """Do what :func:`methods` does for a panel.

    Parameters
    ----------
    panel
        Of :func:`bankmkt.experiment.panel`; ``participated`` says who is compared with whom.
    outcomes
        Its columns.
    before
        Of :func:`bankmkt.experiment.outcome_before`, or why there is none.
    later
        Of :func:`bankmkt.experiment.later_exposure`, or why there is none; None if it is not asked for.
    truth
        Of :func:`bankmkt.experiment.truth_of`.
    months
        Length of the outcome window.
    recorded
        Whether ``propensity`` is the known chance that a customer was treated (or not treated) as it happened.
    covariates, kinds
        As in :func:`bankmkt.experiment.sensitivity`.
    made, learner, seed, k
        As in :func:`methods`.

    Returns
    -------
    pandas.DataFrame
        As :func:`methods`.

    Raises
    ------
    ParameterError
        If an argument is outside what is described.
    SchemaError, DataError
        If ``truth`` or ``made`` lacks a column, or a column of the panel is not what it must be. A method that must
        refuse is a row with the reason.
    """
    frame = local(panel)
    _check(outcomes, covariates, {"before": before, "later": "" if later is None else later}, recorded)
    kinds, months = check_kinds(kinds, covariates), whole("months", months, 1)
    truth = None if truth is None else check_truth(truth)
    known = _made(made, outcomes)
    joined = yes_no(frame, "participated")
    fitted: dict[str, Any] = {"folds": 5, "learner": learner, "seed": seed}
    use = partial(
        _estimate, outcomes=outcomes, months=months, recorded=recorded, covariates=covariates, fitted=fitted, k=k
    )
    found = known | use(frame, skip=known)
    controls = {"negative": use(before) if isinstance(before, pd.DataFrame) else dict.fromkeys(found, before)}
    if later is not None:
        others = use(later, recorded=False) if isinstance(later, pd.DataFrame) else dict.fromkeys(found, later)
        controls["later"] = dict.fromkeys(found, NOT_RECORDED) | others
    learnable = min(joined.sum(), (~joined).sum()) >= 2 * fitted["folds"] and _done(found, outcomes)
    odds = odds_without(frame, covariates, kinds, clip=CLIP, **fitted) if learnable else {}
    resting = {key: rests_on_few(e) for key, e in found.items() if isinstance(e, Estimate)} | _resting(made)
    rows = []
    for outcome in outcomes:
        done = _done(found, [outcome])
        strength = _strength(frame, done[-1], odds, covariates, kinds, fitted) if done and odds else None
        order = (NAIVE, *MOVES, *ALIKE, *([RECORDED] if recorded else []))
        rows += [_row(m, outcome, found[m, outcome], strength) for m in order]
    table = pd.DataFrame(rows)
    table["rests_on"] = [resting.get((r["method"], r["outcome"]), "") for r in rows]
    table = with_controls(table, controls)
    if truth is not None:
        table = _beside(table, [e for e in found.values() if isinstance(e, Estimate)], frame, truth)
    plain = table.loc[table["method"] == NAIVE].set_index("outcome")["se"]
    table["width"] = table["se"] / table["outcome"].map(plain)
    table["verdict"] = [verdict({str(name): value for name, value in row.items()}) for row in table.to_dict("records")]
    return table.drop(columns="refused")


def _check(outcomes: Any, covariates: Any, controls: Mapping[str, Any], recorded: Any) -> None:
    """Refuse arguments of :func:`compare_methods` that are not what it says."""
    if isinstance(outcomes, str) or not isinstance(outcomes, Collection) or len(outcomes) == 0:
        raise ParameterError("outcomes", outcomes, "a list of columns", "name what the campaign may have changed")
    if len(set(outcomes)) < len(outcomes):
        raise ParameterError("outcomes", outcomes, "each once", "name it once")
    for outcome in outcomes:
        check_covariates(covariates, outcome)
    for name, control in controls.items():
        if not isinstance(control, pd.DataFrame | str):
            expected = "a panel in memory, or why there is none"
            raise ParameterError(name, control, expected, "see outcome_before and later_exposure")
    if not isinstance(recorded, bool):
        raise ParameterError("recorded", recorded, "True or False", "leave it out")


def _done(found: Found, outcomes: Sequence[str]) -> list[Estimate]:
    """Return the estimates that compare like with like."""
    return [e for outcome, m in product(outcomes, ALIKE) if isinstance(e := found[m, outcome], Estimate)]


def _strength(
    frame: pd.DataFrame,
    found: Estimate,
    odds: Mapping[str, np.ndarray],
    covariates: Sequence[str],
    kinds: Mapping[str, Sequence[str]],
    fitted: dict[str, Any],
) -> Sensitivity | None:
    """Return how strong a hidden cause must be; none if the covariates leave nothing of the outcome open."""
    try:
        return against(frame, found, odds, covariates, kinds, **fitted)
    except Refused:
        return None


def _estimate(
    frame: pd.DataFrame,
    outcomes: Sequence[str],
    months: int,
    recorded: bool,
    covariates: Sequence[str],
    fitted: dict[str, Any],
    k: int,
    skip: Collection[tuple[str, str]] = (),
) -> Found:
    """Apply the methods; one that must refuse leaves its reason."""
    seen: dict[str, Any] = {"covariates": covariates, "k": k}
    chance = _chance(frame, seen | fitted) if set(product(["doubly robust"], outcomes)) - set(skip) else None
    use: dict[str, Callable[[pd.DataFrame, str], Estimate]] = {
        NAIVE: partial(naive_difference, k=k),
        MOVES[0]: partial(difference_in_differences, k=k),
        MOVES[1]: partial(difference_in_differences, months=months, remove_trend=True, k=k),
        ALIKE[0]: partial(matching, **seen, **fitted),
        ALIKE[1]: partial(weighting, **seen),
        ALIKE[2]: partial(weighting, by="entropy", **seen),
        ALIKE[3]: partial(doubly_robust, propensities=chance, **seen, **fitted),
    }
    if recorded:
        use[RECORDED] = partial(_by_recorded, **seen, **fitted)
    out: Found = {}
    for method, outcome in product(use, outcomes):
        if (method, outcome) in skip:
            continue
        if method in MOVES and outcome not in BEFORE:
            out[method, outcome] = "the outcome has no level before the campaign"
            continue
        try:
            out[method, outcome] = replace(use[method](frame, outcome), method=method)
        except Refused as refusal:
            out[method, outcome] = str(refusal)
    return out


def _by_recorded(frame: pd.DataFrame, outcome: str, **how: Any) -> Estimate:
    """Weight by the chance of being treated, of which the bank noted that of what happened."""
    own = chances(frame, "propensity")
    noted = np.where(yes_no(frame, "participated"), own, 1 - own)
    return doubly_robust(frame, outcome, propensities=noted, **how)


def _chance(frame: pd.DataFrame, how: dict[str, Any]) -> np.ndarray | None:
    """Return propensities, once for all outcomes; none if there are too few to learn from."""
    try:
        return propensity(frame, **how)
    except Refused:
        return None


def _made(made: pd.DataFrame | None, outcomes: Sequence[str]) -> Found:
    """Take estimates from a frame; the others take no time."""
    if made is None:
        return {}
    names = [field for field in Estimate.__dataclass_fields__ if field != "influence"]
    for name in names:
        if not isinstance(made, pd.DataFrame) or name not in made:
            raise SchemaError("made has no column", name, f"the columns {', '.join(names)}", "see Evaluation.estimates")
    rows = made[(made["target"] == "ATT") & made["outcome"].isin(outcomes) & made["method"].isin(ALIKE)]
    return {(r["method"], r["outcome"]): Estimate(**{n: r[n] for n in names}) for r in rows.to_dict("records")}


def _resting(made: pd.DataFrame | None) -> dict[tuple[str, str], str]:
    """Take from the same frame why they are not to be trusted, if it says so: the influence of customers it has not."""
    if made is None or "rests_on" not in made:
        return {}
    rows = made[(made["target"] == "ATT") & made["method"].isin(ALIKE) & made["rests_on"].notna()]
    return {(r["method"], r["outcome"]): r["rests_on"] for r in rows.to_dict("records")}


def _row(method: str, outcome: str, found: Estimate | str, strength: Sensitivity | None) -> dict[str, Any]:
    missing = dict.fromkeys(("estimate", "se", "ci_low", "ci_high", "treated", "control"), np.nan)
    row: dict[str, Any] = {"method": method, "outcome": outcome, "target": "ATT", **missing, "refused": found}
    row |= {"robustness_value": np.nan, "times": np.nan, "yardstick": ""}
    if not isinstance(found, Estimate):
        return row
    row |= {name: getattr(found, name) for name in missing} | {"refused": ""}
    if method in ALIKE and strength is not None:
        row |= strength.of(found.estimate)
    return row


def _beside(
    table: pd.DataFrame, estimates: Sequence[Estimate], frame: pd.DataFrame, truth: pd.DataFrame
) -> pd.DataFrame:
    """Add truth, error, whether the interval holds it, and the share of the plain difference's error taken off."""
    names = ["method", "outcome", "truth", "error", "covers"]
    table = table.merge(beside_truth(estimates, frame, truth)[names], how="left", on=["method", "outcome"])
    plain = table[table["method"] == NAIVE].set_index("outcome")
    bias = plain["error"].where(plain["error"].abs() > Z * plain["se"])
    table["recovered"] = 1 - table["error"].abs() / table["outcome"].map(bias).abs()
    return table
