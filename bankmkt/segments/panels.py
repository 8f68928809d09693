"""From the engine's sums to panels, month by month, of groups, units, products and transactions: small cells hidden."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bankmkt.privacy import discloses, exposed, small_cells, small_parts, suppress
from bankmkt.schema import ASSETS, PRODUCTS
from bankmkt.segments import measures
from bankmkt.segments.units import Scope

SELF = "unit"  # the dimension of the rows of branches


def panel(cells: pd.DataFrame, units: pd.DataFrame, where: Scope, k: int) -> pd.DataFrame:
    """Lay out groups and units month by month: dimension, group, number, customers, aum, products, active.

    Small cells are null. Where few customers are active, or all but few, only these are; the same goes for products,
    which are as many as their holders where the bank sells one.
    """
    sums = ["customers", "aum", "products", "active"]
    parts = [
        cells.groupby(["number", name])[sums].sum().rename_axis(["number", "group"]).assign(dimension=name)
        for name in measures.DIMENSIONS
        if set(cells[name]) != {measures.UNKNOWN}
    ]
    rows = units.assign(group=units["org_id"].map(where.rows).map(where.names).fillna(measures.UNKNOWN))
    parts.append(rows.groupby(["number", "group"])[sums].sum().assign(dimension=SELF))
    out = pd.concat([part.reset_index() for part in parts], ignore_index=True)
    shown = suppress(out, "customers", sums[1:], by=("number", "dimension"), k=k)
    block = [out["number"], out["dimension"]]
    for part in ("products", "active"):
        hidden = small_parts(out[part], out["customers"], by=block, k=k, hidden=shown["suppressed"])
        shown[part] = shown[part].mask(hidden)
    return shown


def product_panel(units: pd.DataFrame, k: int) -> pd.DataFrame:
    """Lay out products month by month: number, product, side, holders, balance; small cells are null.

    Where all but few customers hold a product, only its holders are. With the others' they add up to the products held.
    """
    total = units.groupby("number").sum()
    parts = [
        pd.DataFrame({"product": p, "holders": total[f"{p}_holders"], "balance": total[p]}).reset_index()
        for p in PRODUCTS
        if total[f"{p}_holders"].any()
    ]
    out = pd.concat(parts, ignore_index=True)
    out.insert(2, "side", np.where(out["product"].isin(ASSETS), "asset", "debt"))
    shown = suppress(out, "holders", ["balance"], by=("number", "side"), k=k, overlapping=True)
    customers = out["number"].map(total["customers"])
    hidden = small_parts(
        out["holders"], customers, by=[out["number"]], k=k, hidden=shown["suppressed"], overlapping=True
    )
    return shown.assign(holders=shown["holders"].mask(hidden))


def transaction_panel(
    moves: pd.DataFrame, users: Mapping[str, pd.DataFrame], total: pd.DataFrame, numbers: Sequence[int], k: int
) -> pd.DataFrame:
    """Lay out channels and kinds in some months: with transactions, turnover, added; small cells are null.

    Where all but few customers use one, only their number is. ``exposed`` marks the rows among which what a kind adds
    is hidden, but would follow from what all of them add: brought money and earned money are told apart.
    """
    sums = ["transactions", "turnover", "added"]
    parts = []
    for name, customers in users.items():
        part = moves[moves["number"].isin(numbers)].groupby(["number", name])[sums].sum().reset_index()
        part = part.merge(customers, on=["number", name]).rename(columns={name: "group"})
        parts.append(part.assign(dimension=name))
    out = pd.concat(parts, ignore_index=True)
    adding = out["customers"].where(out["added"] != 0, 0)  # the others cannot hide what these add to a known total
    block = [out["number"], out["dimension"]]
    hidden = small_cells(adding, by=block, k=k, overlapping=True)
    block.append(out["group"].isin(measures.EARNED))  # net new money is the sum of the others
    hidden = small_cells(adding, by=block, k=k, hidden=hidden, overlapping=True)
    out = suppress(out, "customers", sums, by=("number", "dimension"), k=k, overlapping=True)
    out["exposed"] = exposed(adding, hidden, by=block, k=k) & (out["dimension"] == "kind")
    telling = discloses(out["customers"], out["number"].map(total["customers"]), k)
    return out.assign(added=out["added"].mask(hidden), customers=out["customers"].mask(telling))
