import numpy as np
import pandas as pd
import pytest

from bankmkt.experiment import monthly_path


def test_means_follow_from_the_tables(journey_bank, journey, journey_frames):
    path = monthly_path(journey_bank, "journey")
    assert path.groupby("indicator").size().to_dict() == {"aum": 38, "products": 38, "logins": 38}
    assert path["months_after"].min() == -12
    assert path["months_after"].max() == 6
    joined = journey.loc[journey["participated"], "customer_id"]
    own = journey_frames["balances"]
    own = own[own["customer_id"].isin(joined) & (own["month"] == "2026-03-31")]["aum"]
    row = path.query("indicator == 'aum' and participated and months_after == 3").iloc[0]
    assert row["mean"] == pytest.approx(own.mean())
    assert row["ci_high"] - row["mean"] == pytest.approx(1.959964 * own.std(ddof=0) / np.sqrt(len(own)))
    logins = path.query("indicator == 'logins' and not participated and months_after > 0")["mean"].mean()
    assert logins == pytest.approx(journey.loc[~journey["participated"], "logins"].mean())


def test_one_who_left_counts_nothing_and_one_not_yet_there_is_not_counted(tiny_bank, tiny_frames):
    path = monthly_path(tiny_bank, "growth", before=2, k=1).query("indicator == 'aum'")
    people = tiny_frames["assignments"].query("campaign_id == 3")[["customer_id", "participated"]]
    b = tiny_frames["balances"].merge(people, on="customer_id")
    for row in path.itertuples():
        own = b[(b["month"] == pd.Timestamp(row.month)) & (b["participated"] == row.participated)]
        count = len(own) if row.months_after <= 0 else (people["participated"] == row.participated).sum()
        assert row.customers == count
        assert row.mean == pytest.approx(own["aum"].sum() / count)


def test_small_groups_are_not_shown(tiny_bank):
    assert monthly_path(tiny_bank, "growth", before=2, k=1000)["mean"].isna().all()


@pytest.mark.spark
def test_path_is_the_same_on_spark(tiny_bank, spark_bank):
    ours, theirs = (monthly_path(bank, "growth", before=2) for bank in (tiny_bank, spark_bank))
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
