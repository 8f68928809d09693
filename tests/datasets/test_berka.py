"""Berka's bank: what was published, and the books made of it."""

import datetime

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import bankmkt as bm
from bankmkt import datasets
from bankmkt.schema import ASSETS, PRODUCTS


@pytest.fixture(scope="module")
def published(real_data):
    return datasets.read_berka(real_data)


@pytest.fixture(scope="module")
def bank(real_data):
    return datasets.load_berka(real_data)


@pytest.fixture(scope="module")
def frames(bank):
    return {name: table.to_pandas() for name, table in bank.tables.items()}


@pytest.fixture(scope="module")
def owner(published):
    """Customer of each account with public transactions."""
    owners = published.dispositions[published.dispositions.type == "owner"].set_index("account_id").client_id
    return owners[published.transactions.account_id.unique()]


def test_published_rows(published):
    assert {name: len(frame) for name, frame in published.tables.items()} == {
        "accounts": 4_500, "clients": 5_369, "dispositions": 5_369, "orders": 6_471, "loans": 682, "cards": 892,
        "districts": 77, "transactions": 30_200,
    }  # fmt: skip
    assert published.transactions.account_id.nunique() == 354
    assert published.loans.status.value_counts().to_dict() == {"C": 403, "A": 203, "D": 45, "B": 31}
    assert (published.dispositions.type == "owner").sum() == 4_500


def test_every_label_has_a_translation(published):
    assert published.accounts.frequency.notna().all()
    assert published.clients.gender.isin(["female", "male"]).all()
    assert published.dispositions.type.notna().all()
    # counted in order.csv under SIPO, UVER, POJISTNE, LEASING and blank
    purposes = published.orders.k_symbol.fillna("none").value_counts().to_dict()
    assert purposes == {"household": 3_502, "none": 1_379, "loan": 717, "insurance": 532, "leasing": 341}


def test_transactions_end_before_the_loan(published):
    ends = published.transactions.groupby("account_id").date.max()
    loans = published.loans.set_index("account_id").date[ends.index]
    assert (ends < loans).all()
    assert loans.min() == pd.Timestamp("1997-01-03")  # so every ledger is whole until the end of 1996


def test_bank_validates(bank):
    assert bm.validate(bank).empty


def test_units_are_the_regions_and_districts(frames):
    units = frames["organisations"]
    assert units.level.value_counts().to_dict() == {"sub_branch": 77, "branch": 8, "head_office": 1}
    names = units.set_index("org_id")
    prague = names[names.name == "Hl.m. Praha"].iloc[0]
    assert names.loc[prague.parent_id, "name"] == "Prague"


def test_customers_are_the_owners(frames, owner, published):
    customers = frames["customers"].set_index("customer_id")
    assert set(customers.index) == set(owner)
    clients = published.clients.set_index("client_id").loc[customers.index]
    assert (customers.gender == clients.gender).all()
    assert (pd.to_datetime(customers.birth_date) == clients.birth_date).all()
    # client 1's published birth number 706213 is a woman born on 1970-12-13 (50 is added to a woman's month)
    first = published.clients.set_index("client_id").loc[1]
    assert (first.gender, first.birth_date) == ("female", pd.Timestamp("1970-12-13"))


def test_published_movements_are_kept_whole(frames, published):
    raw = published.transactions.set_index("trans_id")
    ours = frames["transactions"].set_index("transaction_id")
    kept = ours.loc[raw.index]
    assert (kept.amount.abs() == raw.amount).all()
    assert ((kept.amount > 0) == (raw.type == "credit")).all()
    assert (kept.ts == raw.date).all()
    assert (kept["product"] == "demand").all()
    assert kept.kind.value_counts().to_dict() == {
        "cash_out": 10_667, "cash_in": 5_304, "interest": 5_130, "fee": 3_229, "bill": 2_873, "transfer_out": 1_549,
        "transfer_in": 1_448,
    }  # fmt: skip
    made = ours.drop(raw.index)
    assert set(made.kind) == {"loan_drawdown", "loan_repayment"}
    assert (made.channel == "auto").all()
    assert made.index.min() > raw.index.max()


def test_balances_are_the_sums_of_the_ledger(frames):
    ledger, balances = frames["transactions"], frames["balances"].set_index(["customer_id", "month"])
    ledger = ledger.assign(month=ledger.ts + pd.offsets.MonthEnd(0))
    flows = ledger.pivot_table(
        index=["customer_id", "month"], columns="product", values="amount", aggfunc="sum", fill_value=0
    )
    before = balances.groupby("customer_id").shift(fill_value=0)
    for product in PRODUCTS:
        flow = flows[product].reindex(balances.index, fill_value=0) if product in flows else 0
        assert (balances[product] - before[product] - flow).abs().max() < 0.005, product
    assert (balances.aum - balances[list(ASSETS)].sum(axis=1)).abs().max() < 0.005
    assert (balances.products == (balances[list(PRODUCTS)] != 0).sum(axis=1)).all()
    assert (balances[list(PRODUCTS)] >= 0).all(axis=None)


def test_every_month_from_opening_to_the_end_of_1998(frames, bank):
    assert bank.months[0] == datetime.date(1995, 4, 30)
    assert bank.months[-1] == datetime.date(1998, 12, 31)
    assert len(bank.months) == 45
    opened = pd.to_datetime(frames["customers"].set_index("customer_id").opened_on)
    months = frames["balances"].groupby("customer_id").size()
    assert (months == (1998 - opened.dt.year) * 12 + 13 - opened.dt.month).all()


def test_balances_are_the_published_ones(frames, published, owner):
    """At each month end before the loan: one of the balances printed on the last day with a movement, within 0.60."""
    raw = published.transactions.assign(customer_id=published.transactions.account_id.map(owner))
    raw = raw.assign(month=raw.date + pd.offsets.MonthEnd(0))
    last = raw[raw.date == raw.groupby(["customer_id", "month"]).date.transform("max")]
    ours = frames["balances"].assign(month=pd.to_datetime(frames["balances"].month))
    both = last.merge(ours, on=["customer_id", "month"], suffixes=("", "_ours"))
    net = both.demand - both.loan
    closed = both.month < both.groupby("customer_id").month.transform("max")  # the loan may begin in the last month
    gap = (net - both.balance).abs().groupby([both.customer_id, both.month]).min()
    assert gap[closed.groupby([both.customer_id, both.month]).first()].max() < 0.605


def test_overdrafts_are_lent_and_taken_back(frames, owner):
    """Account 2335 was printed at -3,269.40, -6,309.40 and -5,470.10 at three month ends of 1997."""
    balances = frames["balances"].set_index(["customer_id", "month"])
    for day, owed in (("1997-08-31", 3_269.40), ("1997-09-30", 6_309.40), ("1997-10-31", 5_470.10)):
        row = balances.loc[(owner[2335], pd.Timestamp(day))]
        assert (row.demand, row.aum, row.products) == (0, 0, 1)
        assert row.loan == pytest.approx(owed, abs=0.6)
    entries = frames["transactions"].query("customer_id == @owner[2335] and kind.str.startswith('loan_')")
    per_day = entries[entries.ts < "1997-11-01"].pivot_table(index="ts", columns="product", values="amount")
    assert len(per_day)
    assert (per_day.demand == per_day.loan).all()  # money lent is paid into the account, and back


def test_loans_run_down_by_the_schedule(frames, owner, published):
    """Account 25 borrowed 30,276 on 1997-12-08 to pay back 2,523 a month for twelve months."""
    loan = frames["balances"].set_index(["customer_id", "month"]).loan
    ends = {"1997-11-30": 0, "1997-12-31": 30_276, "1998-01-31": 27_753, "1998-11-30": 2_523, "1998-12-31": 0}
    assert {day: loan[owner[25], pd.Timestamp(day)] for day in ends} == ends
    drawn = frames["transactions"].query("kind == 'loan_drawdown' and product == 'loan'").groupby("customer_id").amount
    loans = published.loans[published.loans.account_id.isin(owner.index)]
    assert len(loans) == 354
    assert (drawn.max() >= loans.set_index(loans.account_id.map(owner)).amount[drawn.max().index]).all()


def test_looking_back_to_the_last_whole_month(bank):
    past = bank.as_of("1996-12-31")
    assert past.months[-1] == datetime.date(1996, 12, 31)
    assert past.customers.count().execute() == 232
    assert bm.validate(past).empty


def test_saved_bank_opens_again(bank, tmp_path):
    saved = bank.save(tmp_path / "berka")
    assert bm.validate(saved).empty
    assert saved.balances.count().execute() == bank.balances.count().execute()


def test_loading_twice_gives_the_same(frames, real_data):
    again = datasets.load_berka(real_data)
    for name, frame in frames.items():
        assert_frame_equal(again.table(name).to_pandas(), frame, check_exact=True)
