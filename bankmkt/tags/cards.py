"""Model cards: what a model is for, what it was made from, how good it is, and where it must not be trusted."""

import html
import math
from typing import TYPE_CHECKING

from bankmkt.privacy import K, discloses
from bankmkt.tags.compute import features_of
from bankmkt.tags.declare import Tag
from bankmkt.tags.later import BEST, MODEL, SIMPLE
from bankmkt.tags.lineage import attributes as attributes_of
from bankmkt.tags.lineage import types
from bankmkt.tags.marks import ALIKE, CHANCE, FEW, MARGIN, UNSHOWN, WORSE, verdicts
from bankmkt.tags.models import Model

if TYPE_CHECKING:
    import pandas as pd

_DRIVERS = 8
_WORDS = {
    "auc": "ranking (AUC: 0.5 is chance, 1 is perfect)",
    "lift_10": "lift in the highest-scored tenth (times the average)",
    "ece_debiased": "calibration error (mean gap between probability and frequency, less what chance adds)",
}


_ADVICE = {
    FEW: " Do not use it.", CHANCE: " Do not use it.", WORSE: " Use the rule.",
    ALIKE: f" Its AUC is within {MARGIN} of the model's. Use the rule: it needs no model.",
    UNSHOWN: " Neither is shown to be better, nor are they shown to be alike: judge more months before choosing.",
}  # fmt: skip


def model_card(
    model: Model, figures: "pd.DataFrame | None" = None, groups: "pd.DataFrame | None" = None, k: int = K
) -> str:
    """Write a model's card in Markdown.

    Parameters
    ----------
    model
        Of :func:`bankmkt.tags.train`.
    figures : pandas.DataFrame, optional
        Of :func:`bankmkt.tags.evaluate_models`; without it the card says that the model has not been judged.
    groups : pandas.DataFrame, optional
        Of :func:`bankmkt.tags.fairness`.
    k
        Counts of outcomes under ``k`` are not shown.

    Returns
    -------
    str

    References
    ----------
    Mitchell, M. et al. (2019), Model cards for model reporting, FAT*.
    """
    p = model.prediction
    months = f"the month end{'s' * (len(model.trained_on) > 1)} {', '.join(map(str, model.trained_on))}"
    lines = [
        f"## {p.name} ({p.name_zh})", "",
        f"**Purpose.** To rank customers for contact or care. {_sentence(p.meaning)} Not for granting, pricing or "
        "refusing credit, nor for deciding anything about a person without one looking at it.", "",
        f"**Outcome.** Within {p.months} months. Customers who have closed their account by then count as "
        f"{'having' if p.closed else 'not having'} the outcome.", "",
        f"**Data.** Learned from {months} ({_counted(model.customers, model.events, k)}); probabilities "
        f"calibrated on {model.calibrated_on} ({_counted(model.calibration_customers, model.calibration_events, k)}). "
        f"Nothing after {model.as_of} was seen. Owner: {p.owner}; version {p.version}; made with "
        f"{', '.join(f'{name} {version}' for name, version in model.made_with.items())}; a score is stale after "
        f"{p.fresh_days} days.", "",
        "**Method.** Gradient-boosted trees (LightGBM: many small yes/no trees, each correcting those before), then "
        "one logistic curve that turns scores into probabilities (Platt).", "",
        *_drivers(model), *_figures(model, figures), *_groups(model, groups), *_limits(model),
    ]  # fmt: skip
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _counted(customers: int, events: int, k: int) -> str:
    shown = f"under {k}" if discloses(events, customers, k) else f"{events:,}"
    return f"{customers:,} judged customers and months, {shown} with the outcome"


def _drivers(model: Model) -> list[str]:
    """Return the inputs that move the score most, in words."""
    lines = [
        "**What drives the score.** The share of each input in all that moves the score up or down (TreeSHAP: how much "
        "each input adds to each customer's log odds, averaged). It describes the model, not causes.", "",
        "| input | meaning | share | the score is higher when |", "|---|---|---|---|",
    ]  # fmt: skip
    for row in model.drivers.head(_DRIVERS).to_dict("records"):
        lines.append(f"| `{row['input']}` | {row['meaning']} | {row['share']:.0%} | {towards(row['direction'])} |")
    return [*lines, ""]


def towards(direction: float) -> str:
    """Say in words how an input's value moves the score, from the rank correlation of the two.

    Examples
    --------
    >>> towards(0.8), towards(-0.5), towards(0.1)
    ('it is higher', 'it is lower', 'it depends on the value')
    """
    return "it is higher" if direction >= 0.3 else "it is lower" if direction <= -0.3 else "it depends on the value"


def _figures(model: Model, figures: "pd.DataFrame | None") -> list[str]:
    """Return how good the model is on later months."""
    if figures is None:
        return ["**How good.** Not judged yet: see `bm.tags.evaluate_models`.", ""]
    own = figures[figures["code"] == model.prediction.code]
    if own.empty:
        return ["**How good.** Not judged: the figures are of other predictions.", ""]
    verdict = str(verdicts(own)["verdict"].iloc[0])
    told = f"**Verdict.** {_sentence(verdict)}{_ADVICE.get(verdict, '')}"
    if own["suppressed"].any():
        return [told, ""]
    scores = [name for name in (MODEL, SIMPLE, BEST) if name in set(own["score"])]
    heads = [f"{name} (at least)" if name == BEST else name for name in scores]
    lines = [
        told, "",
        f"**How good, on later months** ({int(own['customers'].iloc[0]):,} judged customers and months, "
        f"{int(own['events'].iloc[0]):,} with the outcome; 95% intervals). Simple rule: "
        f"{model.prediction.simple_meaning}.", "",
        "| | " + " | ".join(heads) + " |", "|---" * (len(scores) + 1) + "|",
    ]  # fmt: skip
    for measure, words in _WORDS.items():
        cells = []
        for score in scores:
            row = own[(own["score"] == score) & (own["measure"] == measure)]
            cells.append("–" if row.empty else _range(row.iloc[0], measure))
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    chance = own[(own["score"] == MODEL) & (own["measure"] == "ece_by_chance")].iloc[0]
    said, came = (own[(own["score"] == MODEL) & (own["measure"] == name)].iloc[0] for name in ("predicted", "actual"))
    lines += ["", f"On average the model said {said['value']:.2%}; {came['value']:.2%} came true "
              f"({came['ci_lower']:.2%} to {came['ci_upper']:.2%}). Seen over ten bins, a perfect model would show a "
              f"calibration error of {chance['ci_lower']:.2%} – {chance['ci_upper']:.2%}.", ""]  # fmt: skip
    return lines


def _range(row: "pd.Series", measure: str) -> str:
    if math.isnan(row["value"]):
        return "–"
    if math.isnan(row["ci_lower"]):
        return f"{row['value']:.2f} (too few outcomes for an interval)"
    if measure == "ece_debiased":
        return f"{row['value']:.2%} ({row['ci_lower']:.2%} – {row['ci_upper']:.2%})"
    return f"{row['value']:.2f} ({row['ci_lower']:.2f} – {row['ci_upper']:.2f})"


def _groups(model: Model, groups: "pd.DataFrame | None") -> list[str]:
    """Return how groups of customers fare."""
    if groups is None:
        return []
    own = groups[groups["code"] == model.prediction.code]
    lines = [
        "**Groups.** What the model said of each group and what came true, with a 95% interval: outside it, the model "
        "is too high or too low for them. " + _known_of(model), "",
        "| | group | judged | said | came true | ranking (AUC) |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in own.to_dict("records"):
        name = (
            f"| {row['by'].replace('_', ' ')} | {html.escape(str(row['group']).replace('|', '/').replace('_', ' '))} |"
        )
        if row["suppressed"]:
            lines.append(f"{name} too few to show | | | |")
            continue
        mark = "" if row["ci_lower"] <= row["predicted"] <= row["ci_upper"] else " ⚠"
        lines.append(
            f"{name} {row['customers']:,.0f} | {row['predicted']:.1%}{mark} | {row['actual']:.1%} "
            f"({row['ci_lower']:.1%} – {row['ci_upper']:.1%}) | {row['auc']:.2f} |"
        )
    return [*lines, ""]


def _known_of(model: Model) -> str:
    """Say which of the attributes by which groups are told are among what the model looks at."""
    read: set[str] = set()
    for one in model.inputs:
        if isinstance(one, Tag):
            read |= set(attributes_of(one, types(features_of([one]))))
    words = {"birth_date": "age", "gender": "gender", "city_tier": "city tier"}
    told = [f"{word} is {'' if name in read else 'not '}an input" for name, word in words.items()]
    return _sentence("; ".join(told))


def _limits(model: Model) -> list[str]:
    """Return where the model must not be trusted."""
    return [
        "**Limits.**", "",
        "- It says who will, not who will *because of a contact*: for that, test with a hold-out group.",
        f"- Calibrated on one month: the season and the campaigns of the {model.prediction.months} months after "
        f"{model.calibrated_on} are in the probabilities; in another season the level may be off.",
        "- Judged on the bank it was made from. For another bank, train again.",
        "- Campaigns that contact the highest-scored change what happens: the next training learns from it.", "",
    ]  # fmt: skip
