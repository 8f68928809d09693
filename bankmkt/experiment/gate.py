"""The checks of an experiment, a row each, from counts by stratum and arm."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import holm
from bankmkt.experiment.lots import MANY, redrawn, ways
from bankmkt.experiment.omnibus import omnibus
from bankmkt.privacy import discloses

Floats = npt.NDArray[np.float64]
SRM_P = 0.001
"""A split, or a difference before the start, less likely than this under the planned lots is not their doing."""

REACHED = 0.05
"""Part of the treated arms' contact that the control may have had without being spoilt as a comparison."""


def row(name: str, measure: str, figure: float, p: float, says: str, *, passed: bool | None = None) -> dict[str, Any]:
    """Return a check's row; without ``passed``, it fails below :data:`SRM_P`."""
    good = not p < SRM_P if passed is None else passed
    limit = REACHED if name == "contact" else SRM_P
    return {
        "check": name, "measure": measure, "figure": float(figure), "p_value": float(p), "limit": limit,
        "passed": bool(good), "says": says,
    }  # fmt: skip


def sizes(seen: Floats, names: Sequence[str], shares: Floats, what: str, customers: Floats, k: int) -> dict[str, Any]:
    """Test the number of lots in each stratum and arm: over all strata together, and stratum by stratum.

    What a stratum shows is hidden if it would tell of fewer than k of its ``customers`` (strata × arms).
    """
    from scipy.stats import binomtest

    total = seen.sum(axis=1, keepdims=True)
    wanted = total * shares
    within = np.linalg.pinv(np.diag(wanted.sum(axis=0)) - wanted.T @ shares, hermitian=True)

    def overall(counts: Floats) -> Floats:
        off = (counts - wanted).sum(axis=-2)
        return np.asarray(np.einsum("...a,ab,...b->...", off, within, off))

    def each(counts: Floats) -> Floats:
        return np.asarray(((counts - wanted) ** 2 / wanted).sum(axis=(-2, -1)))

    def again(rng: np.random.Generator, number: int) -> Floats:
        drawn = [rng.multinomial(int(n), share, size=number) for n, share in zip(total[:, 0], shares, strict=True)]
        return np.stack(drawn, axis=1).astype(float)

    freedom, strata = len(names) - 1, len(shares)
    if freedom == 1 and strata == 1:
        found = [float(binomtest(int(seen[0, 1]), int(total[0, 0]), shares[0, 1]).pvalue)]
    else:
        found = [_counted(overall, seen, again, freedom)]
        if strata > 1:
            found.append(_counted(each, seen, again, freedom * strata))
    p = float(holm(found).min())
    cell = np.unravel_index(np.abs(seen - wanted).argmax(), seen.shape)
    one = len(found) > 1 and found[1] < found[0]
    rows: Any = cell[0] if one else slice(None)
    off = seen[rows].reshape(-1, len(names)).sum(axis=0) - wanted[rows].reshape(-1, len(names)).sum(axis=0)
    worst, size = int(np.abs(off).argmax()), seen[rows].sum()
    planned = wanted[rows].reshape(-1, len(names)).sum(axis=0)[worst] / size
    here = planned + off[worst] / size
    whole = customers[rows].reshape(-1, len(names)).sum(axis=0)
    if whole.sum() < k or np.any(discloses(whole, whole.sum(), k)):
        says = f"a stratum's {what} are in other arms than planned; they are too few to show"
        says = (
            says
            if p < SRM_P
            else f"arms of about the size planned; the stratum farthest off has too few {what} to show"
        )
        return row("sizes", "share of an arm, less planned", np.nan, p, says)
    where = " of a stratum" if one else ""
    says = f"{here:.1%} of {what}{where} are in arm {names[worst]}, {planned:.1%} were planned"
    return row("sizes", "share of an arm, less planned", here - planned, p, says)


def _counted(test: Any, seen: Floats, again: Any, freedom: int) -> float:
    from scipy.stats import chi2

    now = float(test(seen))
    return redrawn(
        now, lambda rng, number: test(again(rng, number)), approximate=float(chi2.sf(now, freedom)), draws=MANY
    )


def apart(
    means: Mapping[str, Floats], binary: Sequence[str], names: Sequence[str], share: Floats, k: int
) -> pd.DataFrame:
    """Return the arms' means of each column within strata, and how far they lie apart.

    Parameters
    ----------
    means
        By column: strata × arms × (customers, those who have a value, their sum, their sum of squares).
    binary
        Columns of yes/no, of which a mean about fewer than k customers is hidden.
    names, share
        Arms; each stratum's share of all customers.
    k
        Smallest group.
    """
    rows = []
    for name, cells in means.items():
        known, total, squares = cells[..., 1:].sum(axis=(0, 1))
        spread = np.sqrt(max(squares / known - (total / known) ** 2, 0.0)) if known else 0.0
        if not spread > 1e-12 * np.sqrt(squares / known if known else 0.0):
            continue
        weights = share[:, None] / np.maximum(cells[..., 0], 1)
        below = (weights * cells[..., 1]).sum(axis=0)
        value = np.divide(
            (weights * cells[..., 2]).sum(axis=0), below, out=np.full(len(names), np.nan), where=below > 0
        )
        have, yes = cells[..., 1].sum(axis=0), cells[..., 2].sum(axis=0)
        hidden = have < k
        if name in binary:
            hidden |= np.asarray(discloses(yes, have, k))
        for number, arm in enumerate(names[1:], 1):
            shown = np.nan if hidden[number] or hidden[0] else 1.0
            gap = (value[number] - value[0]) / spread
            rows.append((name, arm, value[number] * shown, value[0] * shown, gap * shown))
    return pd.DataFrame(rows, columns=["covariate", "arm", "mean", "control", "standardised"])


def before_rows(
    name: str, table: pd.DataFrame, p: float, lots: Floats, columns: int, *, by_unit: bool
) -> dict[str, Any]:
    """Return the row of balance or placebo, whose test gave p."""
    measure = "largest difference, in sd"
    if by_unit and ways(lots.astype(np.int64)) < np.log(2 / SRM_P):
        return row(name, measure, np.nan, np.nan, "not tested: so few units could fall in too few ways")
    seen = table.set_index("covariate")["standardised"].abs().dropna()
    figure, where = (float(seen.max()), f" ({seen.idxmax()})") if len(seen) else (np.nan, "")
    size = f"differs between the arms by up to {figure:.2f} standard deviations{where}"
    what = "what was known before" if name == "balance" else "the outcome before the start"
    says = f"{what} {size}" if len(seen) else f"one test of all {columns} columns of {what}"
    return row(name, measure, figure, p, says)


def attrition(
    cells: pd.DataFrame, lost: Mapping[str, str], names: Sequence[str], k: int, *, by_unit: bool
) -> dict[str, Any]:
    """Test whether the arms lost alike: each with the control, by lots drawn again within strata.

    Parameters
    ----------
    cells
        A row per stratum and arm (and unit): stratum, place, n, and a column per outcome, of customers without it.
    lost
        The column of each outcome, of which the row tells of the one that is lost most unevenly (smallest p); the
        column "lost" counts customers without any of them.
    names, k, by_unit
        The arms; smallest group; whether rows are units that were drawn as wholes.
    """
    measure = "share without an outcome"
    if not cells["lost"].sum():
        return row("attrition", measure, 0.0, np.nan, "everybody has an outcome")
    found = []
    for outcome, column in lost.items():
        for place in range(1, len(names)):
            pair = cells[cells["place"].isin((0, place))]
            by = pair.groupby(["stratum", "place"])[["n", column]].sum().unstack(fill_value=0).to_numpy(float)
            # a row per stratum: customers of the control and of the arm, and those lost of them
            both = (by[:, :2] > 0).all(axis=1)
            by = by[both]
            if not len(by) or not by[:, 2:].sum():
                continue
            share = by[:, :2].sum(axis=1) / by[:, :2].sum()
            gap = float(share @ (by[:, 3] / by[:, 1] - by[:, 2] / by[:, 0]))
            p = _units_lost(pair, column, place) if by_unit else _lost(by)
            few = bool(np.any(discloses(by[:, 2:].sum(axis=0), by[:, :2].sum(axis=0), k)))
            found.append((outcome, column, gap, p, few))
    if not found:
        return row("attrition", measure, np.nan, np.nan, "not tested: no stratum has both arms")
    adjusted = holm([p for _, _, _, p, _ in found])
    outcome, column, gap, _, few = found[int(np.argmin(adjusted))]
    share_lost = cells[column].sum() / cells["n"].sum()
    total_few = bool(discloses(cells[column].sum(), cells["n"].sum(), k))
    how_many = f"{share_lost:.1%} of customers" if not total_few else f"fewer than {k} customers"
    how_many = "nearly all customers" if total_few and share_lost > 0.5 else how_many
    more = "an arm's share is about too few to show" if few or total_few else (
        f"{gap:+.1%} more in one arm than in the control".replace("+-", "−")
    )  # fmt: skip
    figure = np.nan if few or total_few else share_lost
    which = "no outcome" if len(lost) == 1 else f"no {outcome}"
    return row("attrition", measure, figure, float(adjusted.min()), f"{how_many} have {which}; {more}")


def _lost(by: Floats) -> float:
    """Return the p-value of as many lost in an arm (over strata), as customers in an urn: Cochran–Mantel–Haenszel."""
    from scipy.stats import norm

    n, m = by[:, :2].sum(axis=1), by[:, 1]
    gone = by[:, 2:].sum(axis=1)
    wanted = gone * m / n
    spread = np.sqrt((wanted * (1 - m / n) * (n - gone) / np.maximum(n - 1, 1)).sum())
    off = abs((by[:, 3] - wanted).sum())
    if not spread:
        return 1.0

    def again(rng: np.random.Generator, number: int) -> Floats:
        sizes = gone.astype(np.int64), (n - gone).astype(np.int64), m.astype(np.int64)
        drawn = rng.hypergeometric(*sizes, size=(number, len(n)))
        return np.asarray(np.abs((drawn - wanted).sum(axis=1)))

    return redrawn(float(off), again, approximate=float(2 * norm.sf(off / spread)), draws=MANY)


def _units_lost(pair: pd.DataFrame, column: str, place: int) -> float:
    totals = pair.groupby("stratum")[[column, "n"]].transform("sum")
    off = pair[column] - pair["n"] * totals[column] / totals["n"]
    z: Floats = np.where(pair["place"] == place, 1.0, 0.0)[:, None]
    return omnibus(z, off.to_numpy(float)[:, None], pair["stratum"].to_numpy(np.int64), draws=MANY)[0]


def contact(cells: pd.DataFrame, got: Mapping[str, str], k: int) -> list[dict[str, Any]]:
    """Compare how often the control and the others were reached; the worst of several columns first."""
    rows = []
    own = cells["place"] == 0
    sizes = cells.loc[own, "n"].sum(), cells.loc[~own, "n"].sum()
    for name, column in got.items():
        hits = cells.loc[own, column].sum(), cells.loc[~own, column].sum()
        shares = hits[0] / sizes[0], hits[1] / sizes[1]
        part = shares[0] / shares[1] if hits[1] else np.inf if hits[0] else 0.0
        few = [bool(discloses(hit, size, k)) for hit, size in zip(hits, sizes, strict=True)]
        words = [
            f"{share:.1%}" if not hit else f"fewer than {k}" if share < 0.5 else "nearly all"
            for hit, share in zip(few, shares, strict=True)
        ]
        says = f"{name}: {words[0]} of the control, {words[1]} of the others"
        rows.append((part, row(
            "contact", f"{name}: control by treated", np.nan if any(few) or np.isinf(part) else part, np.nan, says,
            passed=part <= REACHED,
        )))  # fmt: skip
    return [found for _, found in sorted(rows, key=lambda pair: -pair[0])]
