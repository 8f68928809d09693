"""What will probably happen to one customer, as far as later months support the models."""

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank
from bankmkt.tags.marks import NOT_JUDGED, verdicts
from bankmkt.tags.scoring import predict

if TYPE_CHECKING:
    import pandas as pd


def next_steps(bank: Bank, customer_id: int | str, day: datetime.date, models: Mapping[str, Any]) -> "pd.DataFrame":
    """Return what the models say of a customer, the most probable first: code, name, probability, meaning."""
    import pandas as pd

    names = ["code", "name", "probability", "meaning"]
    if not models:
        return pd.DataFrame(columns=names)
    (found,) = bank.fetch(predict(bank, day, models, customers=[customer_id])).to_pylist()
    declared = [model.prediction for model in models.values()]
    listed = [(p.code, p.name, found[p.code], p.meaning) for p in declared if found[p.code] is not None]
    frame = pd.DataFrame(listed, columns=names)
    return frame.sort_values("probability", ascending=False, kind="stable").reset_index(drop=True)


def supported(steps: "pd.DataFrame", figures: "pd.DataFrame | None") -> tuple["pd.DataFrame", list[str]]:
    """Return the predictions that later months support, and what is to be said of the others."""
    if figures is None:
        note = "Whether later months support what is likely next was not judged here: pass figures of"
        return steps, [f"{note} bm.tags.evaluate_models."] if len(steps) else []
    told = verdicts(figures).set_index("code").reindex(steps.code)
    why = told.verdict.fillna(NOT_JUDGED).to_numpy()
    left_out = told.withheld.fillna(True).to_numpy(dtype=bool)
    parts = [f"{name} ({reason})" for name, reason in zip(steps.name[left_out], why[left_out], strict=True)]
    return steps[~left_out].reset_index(drop=True), [f"Left out of likely next: {', '.join(parts)}."] if parts else []
