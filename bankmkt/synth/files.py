"""A block's arrays as the tables of a bank, and as Parquet files."""

import os
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bankmkt import schema
from bankmkt.manifest import file_record
from bankmkt.schema import ASSETS, OUTCOMES, PRODUCTS, TABLES
from bankmkt.synth.calendar import DAY, Month, month_at
from bankmkt.synth.campaigns import Campaign
from bankmkt.synth.events import PAGES, visitor_ids
from bankmkt.synth.offers import Own
from bankmkt.synth.organisation import sub_branch_ids
from bankmkt.synth.rows import Rows
from bankmkt.synth.simulate import Block, Step, Truth
from bankmkt.synth.streams import stream

ARROW = {
    "id": pa.int64(), "int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "boolean": pa.bool_(),
    "date": pa.date32(), "timestamp": pa.timestamp("us"),
}  # fmt: skip
_PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "store_schema": False}
_CHUNK_BITS = 26  # a row's number within one block's file


def write_table(folder: Path, name: str, part: str, table: pa.Table) -> dict[str, dict[str, Any]]:
    """Write one part of a table aside, move it into place, and return its manifest record by path."""
    path = folder / name / f"part-{part}.parquet"
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    texts = [f.name for f in table.schema if pa.types.is_dictionary(f.type) or pa.types.is_string(f.type)]
    pq.write_table(table, aside, use_dictionary=texts, row_group_size=1 << 20, **_PARQUET)
    record = file_record(aside)
    os.replace(aside, path)
    return {f"{name}/{path.name}": {**record, "rows": table.num_rows}}


def texts(codes: np.ndarray, names: tuple[str, ...]) -> pa.DictionaryArray:
    """Return codes (positions in ``names``, negative for null) as text."""
    null = codes < 0 if codes.size and codes.min() < 0 else None
    indices = pa.array(codes.astype(np.int8, copy=False), pa.int8(), mask=null)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))


def dates(days: np.ndarray, null: np.ndarray | None = None) -> pa.Array:
    """Return days since 1970 as dates."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=null).cast(pa.date32())


def moments(seconds: np.ndarray) -> pa.Array:
    """Return seconds since 1970 as timestamps."""
    return pa.array(seconds.astype(np.int64) * 1_000_000, pa.int64()).cast(pa.timestamp("us"))


def _yuan(cents: np.ndarray) -> np.ndarray:
    return cents / 100


def _ids(block: Block, first: int, n: int) -> np.ndarray:
    """Row numbers: chunk, block, then a running count in stored order."""
    return ((first << 46) | (block.number << _CHUNK_BITS)) + np.arange(n, dtype=np.int64)


def transactions_table(block: Block, first: int, rows: Rows) -> pa.Table:
    """Return a chunk's transactions; ``first`` is the chunk's first month."""
    c = rows.columns
    return pa.table(
        {
            "transaction_id": _ids(block, first, c["who"].size),
            "customer_id": block.traits.customer_id[c["who"]],
            "ts": moments(c["ts"]),
            "channel": texts(c["channel"], schema.CHANNELS),
            "kind": texts(c["kind"], schema.KINDS),
            "category": texts(c["category"], schema.CATEGORIES),
            "amount": _yuan(c["amount"]),
            "product": texts(c["product"], PRODUCTS),
        }
    )


def events_table(block: Block, first: int, rows: Rows) -> pa.Table:
    """Return a chunk's events."""
    c = rows.columns
    customer = block.traits.customer_id[c["who"]]
    return pa.table(
        {
            "event_id": _ids(block, first, customer.size),
            "customer_id": pa.array(customer, mask=~c["known"]),
            "visitor_id": visitor_ids(block.traits.customer_id)[c["who"]],
            "ts": moments(c["ts"]),
            "platform": texts(c["platform"], schema.PLATFORMS),
            "event": texts(c["event"], schema.EVENTS),
            "page": texts(c["page"], PAGES),
            "campaign_id": pa.array(c["campaign"].astype(np.int64), mask=c["campaign"] == 0),
            "duration_s": pa.array(c["seconds"], mask=np.isnan(c["seconds"])),
            "shared_by": pa.nulls(customer.size, pa.int64()),
        }
    )


def balances_table(block: Block, steps: list[tuple[Month, np.ndarray, np.ndarray]], keep: int) -> pa.Table:
    """Return month ends of the first ``keep`` customers: ``steps`` hold month, balances and who is a customer."""
    here = np.stack([s[2][:keep] for s in steps], axis=1)
    cents = np.stack([s[1][:keep] for s in steps], axis=1)[here]
    month = np.array([s[0].day0 + s[0].days - 1 for s in steps])
    columns: dict[str, Any] = {
        "customer_id": np.repeat(block.traits.customer_id[:keep], here.sum(axis=1)),
        "month": dates(np.broadcast_to(month, here.shape)[here]),
    }
    for i, product in enumerate(PRODUCTS):
        columns[product] = _yuan(cents[:, i])
    columns["aum"] = _yuan(cents[:, : len(ASSETS)].sum(axis=1))
    columns["products"] = (cents != 0).sum(axis=1)
    return pa.table(columns)


def customers_table(block: Block, keep: int) -> pa.Table:
    """Return the first ``keep`` customers as known at the end of the block's month."""
    t, s = block.traits, block.state
    table = pa.table(
        {
            "customer_id": t.customer_id,
            "gender": texts(np.where(t.female, 0, 1), ("female", "male")),
            "birth_date": dates(t.birth),
            "opened_on": dates(t.opened),
            "closed_on": dates(s.closed, s.closed < 0),
            "org_id": sub_branch_ids(t.org),
            "manager_id": pa.array(t.manager, mask=t.manager == 0),
            "acquired_via": texts(t.via, TABLES["customers"]["acquired_via"].values),
            "occupation": texts(t.occupation, schema.OCCUPATIONS),
            "city_tier": texts(t.tier, schema.CITY_TIERS),
            "is_payroll": t.payroll,
            "has_car": t.car,
            "has_home": t.home,
            "risk_level": t.risk_level,
            "app_registered_on": dates(s.registered, s.registered < 0),
        }
    )
    return table.slice(0, keep)


def campaigns_table(
    campaigns: list[Campaign], budgets: Mapping[int, float], customers: int, day0: Callable[[int], Month]
) -> pa.Table:
    """Return campaigns; ``budgets`` are those of an analyst's own, ``day0`` maps a month's index to its month."""
    rows: dict[str, list[Any]] = {c.name: [] for c in TABLES["campaigns"].columns}
    for c in campaigns:
        if c.arm > 1:
            continue
        t, measured = c.template, day0(c.measured)
        begin = day0(c.index).first
        budget = budgets.get(c.campaign_id, round(t.cost * customers, 2))
        values = (
            c.campaign_id, c.name, t.objective, t.line, t.kind, 1, begin, day0(c.last).last,
            budget, t.assignment, c.product, t.outcome, (measured.last - begin).days + 1,
        )  # fmt: skip
        for column, value in zip(rows, values, strict=True):
            rows[column].append(value)
    types = {c.name: ARROW[c.type] for c in TABLES["campaigns"].columns}
    return pa.table({k: pa.array(v, types[k]) for k, v in rows.items()})


def assignments_table(block: Block, keep: int) -> pa.Table:
    """Return who was in which campaign, and who has taken part so far, sorted by customer."""
    arms = TABLES["assignments"]["arm"].values
    parts = []
    for number, group in groupby(block.enrolments, key=lambda e: e.campaign.campaign_id):
        offers = list(group)
        e = offers[0]
        arm = np.full(e.rows.size, arms.index("control"))
        for offer in offers:
            arm[offer.treated] = offer.campaign.arm
        if e.campaign.template.assignment == "open":
            arm[:] = arms.index("open")
        begin = month_at(block.plan.start, e.campaign.index).day0
        parts.append(
            {
                "who": e.rows, "campaign": np.full(e.rows.size, number), "arm": arm, "propensity": e.propensity,
                "assigned": np.full(e.rows.size, begin), "joined": np.max([offer.joined for offer in offers], axis=0),
            }
        )  # fmt: skip
    if not parts:
        return _empty("assignments")
    c = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    order = np.lexsort((c["campaign"], c["who"]))
    c = {k: v[order] for k, v in c.items()}
    never = c["joined"] < 0
    return pa.table(
        {
            "campaign_id": c["campaign"],
            "customer_id": block.traits.customer_id[c["who"]],
            "arm": texts(c["arm"], arms),
            "propensity": pa.array(c["propensity"], mask=np.isnan(c["propensity"])),
            "assigned_on": dates(c["assigned"]),
            "participated": ~never,
            "participated_on": dates(c["joined"] // DAY, never),
        }
    ).slice(0, int(np.searchsorted(c["who"], keep)))


def truth_table(block: Block, truths: list[Truth], keep: int) -> pa.Table:
    """Return the potential outcomes of campaigns whose window has ended, sorted by customer.

    The columns of second and third arms are there if a campaign of the bank has such arms.
    """
    wide = several_arms(block.plan.own)
    if not truths:
        return with_arms(_empty("truth")) if wide else _empty("truth")
    who = np.concatenate([np.tile(t.enrolment.rows, len(OUTCOMES)) for t in truths])
    outcome = np.concatenate([np.repeat(np.arange(len(OUTCOMES)), t.enrolment.rows.size) for t in truths])
    campaign = np.concatenate([np.full(t.enrolment.rows.size * 4, t.enrolment.campaign.campaign_id) for t in truths])
    order = np.lexsort((outcome, campaign, who))
    p_join = np.concatenate([np.tile(t.enrolment.p_join, len(OUTCOMES)) for t in truths])[order]

    def values(arm: int) -> np.ndarray:
        return np.concatenate([t.arm(arm)[o] for t in truths for o in OUTCOMES])[order]

    columns = {
        "campaign_id": campaign[order],
        "customer_id": block.traits.customer_id[who[order]],
        "outcome": texts(outcome[order], OUTCOMES),
        "y0": values(0),
        "y1": values(1),
        "p_participate": p_join,
    }
    for place, name in enumerate(OTHER_ARMS if wide else (), 2):
        y = values(place)
        columns[name] = pa.array(y, mask=np.isnan(y))
    return pa.table(columns).slice(0, int(np.searchsorted(who[order], keep)))


OTHER_ARMS = ("y1_b", "y1_c")
"""Columns of ``truth`` that only banks with campaigns of several treated arms have."""


def several_arms(own: tuple[Own, ...]) -> bool:
    """Whether a bank's table ``truth`` has columns for second and third arms."""
    return any(len(campaign.offers) > 1 for campaign in own)


def with_arms(truth: pa.Table) -> pa.Table:
    """Return the table ``truth`` of a bank without such campaigns, with empty columns for more arms if it has none."""
    for name in OTHER_ARMS:
        if name not in truth.column_names:
            truth = truth.append_column(name, pa.nulls(truth.num_rows, pa.float64()))
    return truth


_STATUS = {  # channel → (answered or opened, delivered or sent, failed)
    "sms": (0.00, 0.96, 0.04), "app_push": (0.12, 0.83, 0.05), "call": (0.38, 0.00, 0.62),
    "wechat": (0.24, 0.74, 0.02), "rm": (0.63, 0.00, 0.37),
}  # fmt: skip


def contacts_rows(block: Block, step: Step) -> list[Rows]:
    """Return the month's contacts of a block, in office hours."""
    columns = TABLES["contacts"]
    channels, statuses = columns["channel"].values, columns["status"].values
    rng = stream(block.plan.seed, "rows", block.number, step.month.index, 2)
    slots = step.month.slots("branch")
    rows = []
    for e, reached in step.contacts:
        t = e.campaign.template
        who = np.repeat(e.rows[reached], t.contacts)
        u = rng.random((3, who.size))
        via = np.array([channels.index(c) for c in t.channels])[np.floor(u[0] * len(t.channels)).astype(np.int64)]
        odds = np.array([_STATUS.get(c, (0.0, 1.0, 0.0)) for c in channels])[via].cumsum(axis=1)
        end = np.minimum((u[1][:, None] > odds).sum(axis=1), 2)
        spoken = np.isin(via, [channels.index("call"), channels.index("rm")])
        good = np.where(spoken, statuses.index("answered"), statuses.index("opened"))
        status = np.choose(end, [good, statuses.index("delivered"), statuses.index("failed")])
        tired = np.flatnonzero(step.opted_out[who])
        status[tired[np.unique(who[tired], return_index=True)[1]]] = statuses.index("opted_out")
        first = np.maximum(block.traits.opened[who] - step.month.day0, 0) * DAY
        ts = np.maximum(slots[(u[2] * slots.size).astype(np.int64)] * 3600 + (u[0] * 3599).astype(np.int64), first)
        rows.append(
            Rows(
                {
                    "who": who, "ts": step.month.start + ts, "channel": via.astype(np.int8),
                    "status": status.astype(np.int8), "campaign": np.full(who.size, e.campaign.campaign_id),
                    "department": np.full(who.size, columns["department"].values.index(t.line), dtype=np.int8),
                }
            )
        )  # fmt: skip
    return rows


def contacts_table(block: Block, first: int, rows: Rows | None) -> pa.Table:
    """Return a chunk's contacts."""
    if rows is None:
        return _empty("contacts")
    c, columns = rows.columns, TABLES["contacts"]
    return pa.table(
        {
            "contact_id": _ids(block, first, c["who"].size),
            "campaign_id": c["campaign"],
            "customer_id": block.traits.customer_id[c["who"]],
            "department": texts(c["department"], columns["department"].values),
            "channel": texts(c["channel"], columns["channel"].values),
            "ts": moments(c["ts"]),
            "status": texts(c["status"], columns["status"].values),
        }
    )


def _empty(name: str) -> pa.Table:
    columns = [c for c in TABLES[name].columns if c.name not in OTHER_ARMS]
    return pa.table({c.name: pa.array([], ARROW[c.type]) for c in columns})
