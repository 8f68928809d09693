"""A campaign's whole evaluation in one call: published, adjusted, randomised, and the truth where it is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from bankmkt.errors import ParameterError, Refused
from bankmkt.experiment.check import check
from bankmkt.experiment.comparison import compare
from bankmkt.experiment.did import BEFORE, difference_in_differences, naive_difference, placebo
from bankmkt.experiment.effect import complier_effect, effect
from bankmkt.experiment.estimate import Estimate, to_frame
from bankmkt.experiment.few import rests_on_few
from bankmkt.experiment.gap import decompose, left_over
from bankmkt.experiment.observational import doubly_robust, overlap, propensity
from bankmkt.experiment.panel import panel
from bankmkt.experiment.path import monthly_path
from bankmkt.experiment.truth import beside_truth, true_multiple, truth_of
from bankmkt.experiment.window import NEEDED, Campaign, campaign, needs
from bankmkt.experiment.wording import in_words
from bankmkt.privacy import K, check_k

EFFECT_OF = {
    "ATT": "taking part, on participants",
    "ITT": "an invitation, on the invited",
    "CACE": "taking part, on those it wins",
}
"""What an estimate is of, in the words of :meth:`Evaluation.answers`."""


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found; summaries only, no customer's row.

    Parameters
    ----------
    plan
        The campaign's terms and dates.
    customers, participants
        How many were eligible, and took part.
    published
        Of :func:`bankmkt.experiment.compare`.
    path
        Of :func:`bankmkt.experiment.monthly_path`.
    placebos
        A row per outcome of :func:`bankmkt.experiment.placebo`.
    overlap, balance
        Of :func:`bankmkt.experiment.overlap`.
    estimates
        A row per method and outcome, then the pilot's: the fields of :class:`bankmkt.experiment.Estimate`; where the
        truth is known also ``truth``, ``error`` (estimate less truth) and ``covers`` (whether the interval holds it);
        ``rests_on``: why it is not to be trusted, if it rests on one customer or on five.
    parts
        By outcome, of :func:`bankmkt.experiment.decompose`.
    left
        By outcome, a row per method: how much of each part of the gap remains in its estimate.
    multiple
        How many times as fast participants grew as they would have without the campaign, a row per indicator; None
        where the truth is unknown.
    pilot
        The pilot's terms and dates; None where its estimates are not given.
    arms
        Customers of the pilot's arms (``treated``, ``control``) and the ``p_value`` of their sizes; empty without one.
    withheld
        Why the pilot's estimates are not given; empty if they are.
    left_out
        Which outcome is not evaluated and why; empty if none is missing.
    """

    plan: Campaign
    customers: int
    participants: int
    published: pd.DataFrame
    path: pd.DataFrame
    placebos: pd.DataFrame
    overlap: pd.DataFrame
    balance: pd.DataFrame
    estimates: pd.DataFrame
    parts: dict[str, pd.DataFrame]
    left: dict[str, pd.DataFrame]
    multiple: pd.DataFrame | None
    pilot: Campaign | None
    arms: dict[str, float]
    withheld: str
    left_out: str

    @property
    def truth_known(self) -> bool:
        """Whether the bank knows what really happened."""
        return self.multiple is not None

    def of(self, outcome: str) -> pd.DataFrame:
        """Return the estimates of one outcome."""
        return self.estimates[self.estimates["outcome"] == outcome].reset_index(drop=True)

    def estimate(self, method: str, outcome: str, column: str = "estimate") -> float:
        """Return one figure of the estimates; missing if the method was withheld.

        Raises
        ------
        ParameterError
            If there is no such column.
        """
        if column not in self.estimates:
            raise ParameterError("column", column, "a column of estimates", "see Evaluation.estimates")
        rows = self.of(outcome)
        found = rows.loc[rows["method"] == method, column]
        return float(found.iloc[0]) if len(found) else float("nan")

    def answers(self, outcome: str) -> pd.DataFrame:
        """Return every method's answer for one outcome, rounded for reading; with truth and error where known."""
        rows = self.of(outcome).assign(effect_of=lambda t: t["target"].map(EFFECT_OF))
        columns = ["method", "effect_of", "estimate", "ci_low", "ci_high"] + ["truth", "error"] * self.truth_known
        return _rounded(rows[columns], outcome)

    def remains(self, outcome: str) -> pd.DataFrame:
        """Return what remains of each part of the gap in each method's answer, rounded for reading."""
        labels = self.parts[outcome].set_index("part")["label"].to_dict()
        return _rounded(self.left[outcome].rename(columns=labels), outcome)

    def differences(self, rows: int = 8) -> pd.DataFrame:
        """Return the largest differences between participants and others, in words, before and after weighting."""
        return self.balance.head(rows).assign(covariate=lambda t: t["covariate"].map(in_words))

    def figures(self) -> dict[str, float]:
        """Return the key figures; those that are not known are left out."""
        of_aum = partial(self.estimate, outcome="aum_change")
        yuan = {
            "published_difference": of_aum("participants − others"),
            "difference_in_differences": of_aum("difference-in-differences"),
            "doubly_robust": of_aum("doubly robust"),
            "pilot_taking_part": of_aum("randomised: taking part"),
            "true_effect": of_aum("doubly robust", column="truth") if self.truth_known else float("nan"),
        }
        ratios = self.published.set_index("indicator")["ratio"]
        found: dict[str, float] = {"customers": self.customers, "participants": self.participants}
        found |= {f"{name}_growth_ratio": ratio for name, ratio in ratios.dropna().items()}
        found |= {f"{name}_yuan": round(value) for name, value in yuan.items() if value == value}
        if self.truth_known:
            found["gap_due_to_campaign_share"] = self.share("effect", "aum_change")
        return found

    def share(self, part: str, outcome: str) -> float:
        """Return the share of the gap that one part makes up."""
        return float(self.parts[outcome].set_index("part")["share"][part])


def evaluate(
    bank: Any,
    name: str,
    *,
    pilot: str = "",
    org_id: int | str | None = None,
    learner: str = "boosted",
    seed: int = 7,
    k: int = K,
) -> Evaluation:
    """Evaluate an open campaign in every way, beside a randomised pilot and the truth where they exist.

    Parameters
    ----------
    bank
        An open bank; without the table events, logins are left out.
    name
        Name of the open campaign.
    pilot
        Name of a randomised campaign of the same kind, evaluated for the whole bank; empty if there was none.
    org_id
        Evaluate the open campaign for the customers of this unit and those below it; None for the whole bank.
    learner, seed
        As in :func:`bankmkt.experiment.doubly_robust`.
    k
        Smallest group that is compared or shown.

    Returns
    -------
    Evaluation
        Its tables.

    Raises
    ------
    ParameterError
        If ``bank`` is no bank, a campaign or the unit is unknown, the campaign is not open to whoever joins, or the
        pilot is not randomised.
    SchemaError
        If the bank lacks a table that campaigns are evaluated from.
    Refused
        If the campaign has too few participants, or none that compare.
    """
    check_k(k)
    needs(bank, *NEEDED)
    plan = campaign(bank, name)
    if plan.assignment != "open":
        raise ParameterError("campaign", name, "one that customers join of themselves", "use experiment.effect")
    outcomes = [outcome for outcome in BEFORE if outcome != "logins" or bank.has("events")]
    tried, trial, arms, withheld = _pilot(bank, pilot, outcomes, k)
    frame, truth = bank.frame(panel(bank, name, org_id=org_id)), truth_of(bank, name)
    chance = propensity(frame, learner=learner, seed=seed, k=k)
    robust = {o: doubly_robust(frame, o, propensities=chance, learner=learner, seed=seed, k=k) for o in outcomes}
    estimates = [e for o in outcomes for e in (*_unadjusted(frame, o, plan.months, k), robust[o])]
    parts = {o: decompose(frame, o, truth=truth, adjusted=robust[o], k=k) for o in outcomes}
    alike, balance = overlap(frame, chance, k=k)
    own = beside_truth(estimates, frame, truth).assign(rests_on=[rests_on_few(e) for e in estimates])
    table = pd.concat([own, tried], ignore_index=True)
    return Evaluation(
        plan=plan,
        customers=len(frame),
        participants=int(frame["participated"].sum()),
        published=compare(frame, k=k),
        path=monthly_path(bank, name, org_id=org_id, k=k),
        placebos=to_frame(placebo(frame, outcome, k=k) for outcome in outcomes),
        overlap=alike,
        balance=balance,
        estimates=table,
        parts=parts,
        left={o: left_over(frame, parts[o], o, months=plan.months, k=k) for o in outcomes},
        multiple=None if truth is None else true_multiple(frame, truth, k=k),
        pilot=trial,
        arms=arms,
        withheld=withheld,
        left_out="" if "logins" in outcomes else "logins are left out, as the bank has no table events",
    )


def _rounded(table: pd.DataFrame, outcome: str) -> pd.DataFrame:
    numbers = table.select_dtypes("number").columns
    if outcome == "aum_change":
        return table.assign(**{name: table[name].round().astype("int64") for name in numbers})
    return table.round(dict.fromkeys(numbers, 3))


def _unadjusted(frame: pd.DataFrame, outcome: str, months: int, k: int) -> list[Estimate]:
    """Estimate an open campaign's effect from the groups' means and how these moved."""
    return [
        naive_difference(frame, outcome, k=k),
        difference_in_differences(frame, outcome, k=k),
        difference_in_differences(frame, outcome, months=months, remove_trend=True, k=k),
    ]


def _randomised(frame: pd.DataFrame, outcomes: Sequence[str], k: int = K) -> list[Estimate]:
    """Estimate the effect of an invitation and of taking part; the level before narrows the intervals."""
    return [
        estimator(frame, outcome, covariate=BEFORE[outcome][0], k=k)
        for outcome in outcomes
        for estimator in (effect, complier_effect)
    ]


def _pilot(
    bank: Any, name: str, outcomes: Sequence[str], k: int
) -> tuple[pd.DataFrame, Campaign | None, dict[str, float], str]:
    """Evaluate the pilot; a refusal is part of the answer."""
    if not name:
        return to_frame([]), None, {}, "no randomised campaign was named"
    try:
        plan = campaign(bank, name)
        if plan.assignment != "randomised":
            raise ParameterError("pilot", name, "a randomised campaign", "leave it empty if there was none")
        frame = bank.frame(panel(bank, name))
        found = _randomised(frame, outcomes, k)
        drawn = check(frame, arm="treated", covariates=[], k=k)
    except Refused as refusal:
        return to_frame([]), None, {}, str(refusal)
    sizes = drawn.arms.set_index("arm")["customers"]
    arms = {
        "treated": float(sizes["treatment"]), "control": float(sizes["control"]),
        "p_value": float(drawn.table["p_value"].iloc[0]),
    }  # fmt: skip
    table = beside_truth(found, frame, truth_of(bank, name)).assign(rests_on=[rests_on_few(e) for e in found])
    return table, plan, arms, ""
