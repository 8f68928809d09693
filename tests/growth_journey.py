"""The open growth-journey campaign as the simulation knows it, before anything is written."""

import numpy as np
import pandas as pd

from bankmkt.synth.simulate import Plan, advance, new_block

MONTHS = {"year before": 11, "baseline": 17, "end": 23}
OUTCOMES = {"aum": "aum_change", "products": "products_change", "logins": "logins"}


def people(seed: int, number: int) -> pd.DataFrame:
    """Eligible customers of one block of a bank of 24 months: levels, true effects, who joined, who is old enough."""
    block = new_block(Plan(seed, "2024-07", 24), number)
    seen, logins = {}, {}
    for index in range(24):
        step = advance(block)
        logins[index] = step.activity.logins
        if index in MONTHS.values():
            seen[index] = (step.after.aum / 100, step.after.products)
    (truth,) = [t for t in step.truths if t.enrolment.campaign.name == "growth_journey"]
    rows = truth.enrolment.rows
    frame = pd.DataFrame({
        "customer_id": block.traits.customer_id[rows], "joined": truth.enrolment.joined >= 0,
        "old": block.traits.opened_month[rows] <= MONTHS["year before"],
    })  # fmt: skip
    for label, index in MONTHS.items():
        frame[f"aum {label}"], frame[f"products {label}"] = (v[rows] for v in seen[index])
    frame["logins baseline"] = np.mean([logins[i][rows] for i in (15, 16, 17)], axis=0)
    frame["logins end"] = np.mean([logins[i][rows] for i in range(18, 24)], axis=0)
    for name, outcome in OUTCOMES.items():
        frame[f"effect {name}"] = truth.y1[outcome] - truth.y0[outcome]
    return frame


def figures(people: pd.DataFrame) -> dict[str, float]:
    """Growth of participants and others, the year before, and what the campaign multiplied."""
    mean = people.groupby("joined").mean()
    old = people[people.old].groupby("joined").mean()
    out = {"share": people.joined.mean()}
    for name in OUTCOMES:
        growth = mean[f"{name} end"] / mean[f"{name} baseline"] - 1
        out |= {f"{name} joined": growth[True], f"{name} others": growth[False]}
        without = (mean[f"{name} end"] - mean[f"effect {name}"]) / mean[f"{name} baseline"] - 1
        out[f"{name} true"] = growth[True] / without[True]
    for joined, label in ((True, "joined"), (False, "others")):
        out[f"year {label}"] = old["aum end"][joined] / old["aum year before"][joined] - 1
    return out
