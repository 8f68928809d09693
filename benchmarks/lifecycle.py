"""How fast the life cycle is told, against DuckDB's SQL for the same definition written by hand.

    python benchmarks/lifecycle.py [BANK] [--larger BANK] [--engine …] [--memory 4GB] [--threads 2] [--rounds 3]

Both read the same Parquet files and write the whole table (a row per customer and month) to a Parquet file; the fastest
of the rounds, which alternate, counts. The results are compared as bags of rows, both ways: a row that is in one only,
or more often in one, is counted. With another engine than DuckDB only ours is measured. With a larger bank also the
exponent by which time grows with rows is told (1: in proportion). Memory is the peak of this process, and on DuckDB of
the engine in it; Spark's is its own. The last line is JSON.
"""

import argparse
import json
import math
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from bankmkt.bank import open_bank
from bankmkt.saving import write_folder
from bankmkt.segments import lifecycle
from bankmkt.synth import demo_bank

SQL = """
with months as (
    select min(12 * year(month) + month(month) - 1) as first, max(12 * year(month) + month(month) - 1) as last
    from read_parquet('{bank}/balances/*.parquet')
),
acts as (
    select customer_id, number, count(*) as acts
    from (
        select customer_id, 12 * year(ts) + month(ts) - 1 as number from read_parquet('{bank}/transactions/*.parquet')
        where case when channel is null then kind not in ('interest', 'return', 'fee') else channel <> 'auto' end
        union all
        select customer_id, 12 * year(ts) + month(ts) - 1 from read_parquet('{bank}/events/*.parquet')
        where event = 'login' and customer_id is not null
    )
    group by customer_id, number
),
people as (
    select customer_id, 12 * year(opened_on) + month(opened_on) - 1 as opened,
        12 * year(closed_on) + month(closed_on) - 1 as closed, first, last
    from read_parquet('{bank}/customers/*.parquet'), months
),
spine as (
    select customer_id, opened, closed, first, unnest(range(greatest(opened, first), last + 1)) as number
    from people where opened <= last
),
history as (
    select s.*, coalesce(b.aum, 0) as aum, coalesce(a.acts, 0) as acts,
        coalesce(b.aum >= 100 or b.loan <> 0 or b.card_balance <> 0, false) as held
    from spine s
    left join (
        select customer_id, 12 * year(month) + month(month) - 1 as number, aum, loan, card_balance
        from read_parquet('{bank}/balances/*.parquet')
    ) b using (customer_id, number)
    left join acts a using (customer_id, number)
),
seen as (
    select *,
        max(number) filter (acts >= 3) over w as acted, max(number) filter (held) over w as filled,
        min(number) filter (acts > 0 or held) over w as used,
        lag(aum, 3) over (partition by customer_id order by number) as before
    from history
    window w as (partition by customer_id order by number rows unbounded preceding)
),
measured as (
    select *,
        number - coalesce(acted, case when opened >= first then coalesce(used, opened) else first end - 1) as idle,
        number - coalesce(filled, case when opened >= first then coalesce(used, opened) else first end - 1) as bare
    from seen
),
early as (
    select *, case
        when closed <= number then 'lost'
        when used is null and opened >= first then 'prospect'
        when number - case when opened >= first then used else opened end < 3 then 'new'
        when idle >= 6 and bare >= 6 then 'lost'
        when idle >= 3 or used is null then 'dormant' end as early
    from measured
),
slept as (
    select *, max(number) filter (early in ('dormant', 'lost') and coalesce(closed > number, true))
        over (partition by customer_id order by number rows unbounded preceding) as slept
    from early
),
named as (
    select *, case
        when early is not null then early
        when number - slept <= 3 then 'returned'
        when aum - before >= 0.1 * before and aum - before >= 1000 then 'growing'
        when before - aum >= 0.1 * before and before - aum >= 1000 then 'declining'
        else 'mature' end as state
    from slept
),
runs as (
    select *, state is distinct from lag(state) over (partition by customer_id order by number) as begins from named
),
told as (
    select *, max(number) filter (begins)
        over (partition by customer_id order by number rows unbounded preceding) as run
    from runs
)
select customer_id, last_day(make_date(number // 12, number % 12 + 1, 1)) as month, state,
    last_day(make_date(run // 12, run % 12 + 1, 1)) as since, aum
from told
"""


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", nargs="?", help="folder of a bank; by default the demo bank")
    parser.add_argument("--larger", help="folder of a larger bank: tells how time grows")
    parser.add_argument("--engine", default="duckdb")
    parser.add_argument("--memory", default="4GB", help="memory limit of the engine")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    path = Path(options.bank).absolute() if options.bank else demo_bank().path
    figures = measured(path, options)
    if options.larger:
        larger = measured(Path(options.larger).absolute(), options)
        rows = math.log(larger["rows"] / figures["rows"])
        figures = {"smaller": figures, "larger": larger} | {
            f"{name}_exponent": round(math.log(larger[f"{name}_seconds"] / figures[f"{name}_seconds"]) / rows, 2)
            for name in ("ours", "sql")
            if f"{name}_seconds" in figures
        }
    figures["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2)
    print(json.dumps(figures))


def measured(path, options):
    with tempfile.TemporaryDirectory() as folder:
        return measure(path, Path(folder), options)


def measure(path, folder, options):
    bank = open_bank(path, options.engine, memory_limit=options.memory, threads=options.threads)
    as_of = bank.months[-1]
    ours, theirs = folder / "ours", folder / "theirs.parquet"
    ours.mkdir()
    duck = duckdb.connect(config={"memory_limit": options.memory, "threads": options.threads})
    duck.execute(f"set temp_directory = '{folder / 'spill'}'")
    duck.execute("set preserve_insertion_order = false")  # else 4 GB do not hold the rows of a million customers
    query = f"copy ({SQL.format(bank=path)}) to '{theirs}'"
    seconds = {"ours": [], "sql": []}
    for number in range(options.rounds):
        out = ours / str(number)
        seconds["ours"].append(timed(lambda o=out: write_folder(bank.con, lifecycle(bank, as_of), o)))
        if options.engine == "duckdb":
            seconds["sql"].append(timed(lambda: duck.execute(query)))
    best = {name: min(found) for name, found in seconds.items() if found}
    mine, sql = f"from '{ours}/0/*.parquet'", f"from '{theirs}'"
    figures = {
        "benchmark": "life cycle", "engine": options.engine, "customers": bank.fetch(bank.customers.count()).as_py(),
        "rows": count(duck, mine), **{f"{name}_seconds": round(found, 2) for name, found in best.items()},
    }  # fmt: skip
    if "sql" in best:
        figures |= {
            "ratio": round(best["ours"] / best["sql"], 2),
            "sql_rows": count(duck, sql),
            "rows_only_in_ours": count(duck, f"from ({mine} except all {sql})"),
            "rows_only_in_sql": count(duck, f"from ({sql} except all {mine})"),
        }
    return figures


def count(duck, rows):
    return duck.execute(f"select count(*) {rows}").fetchone()[0]


if __name__ == "__main__":
    main()
