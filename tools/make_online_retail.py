#!/usr/bin/env python3
"""Makes examples/online-retail/invoices.parquet from the CSV of the UCI Online Retail data.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install duckdb==1.4.4
    /tmp/venv/bin/python tools/make_online_retail.py [CSV.GZ] [PARQUET]

All 541,909 rows in their order and all 8 columns; texts stay as they are. The CSV writes whole
numbers as "6.0" and "17850.0"; here they are integers. The same input gives the same bytes.
"""
import hashlib
import os
import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
ROWS = 541_909
# What the file's contents add up to: quantity, pence, customers, distinct texts.
TOTALS = (5_176_450, 974_774_793, 4_372, 25_900, 4_070)


def main():
    source = Path(sys.argv[1] if len(sys.argv) > 1
                  else ROOT / "../shared/data/onlineretail/onlineretail.csv.gz")
    target = Path(sys.argv[2] if len(sys.argv) > 2
                  else ROOT / "examples/online-retail/invoices.parquet")
    part = target.with_suffix(".part")
    db = duckdb.connect(config={"threads": 1, "preserve_insertion_order": True})
    db.execute(
        """CREATE TABLE invoices AS
           SELECT InvoiceNo, StockCode, Description, Quantity::DOUBLE::INTEGER AS Quantity,
                  InvoiceDate::TIMESTAMP AS InvoiceDate, UnitPrice::DOUBLE AS UnitPrice,
                  CustomerID::DOUBLE::INTEGER AS CustomerID, Country
           FROM read_csv(?, header = true, all_varchar = true)""", [str(source)])
    # One row group, the highest level: read once in a demo, shipped with every clone.
    db.execute(f"""COPY invoices TO '{part}' (FORMAT parquet, COMPRESSION zstd,
                   COMPRESSION_LEVEL 22, ROW_GROUP_SIZE 600000)""")
    rows, *totals = db.execute(
        """SELECT count(*), sum(Quantity), sum(round(Quantity * UnitPrice * 100)::BIGINT),
                  count(DISTINCT CustomerID), count(DISTINCT InvoiceNo), count(DISTINCT StockCode)
           FROM read_parquet(?)""", [str(part)]).fetchone()
    if rows != ROWS or tuple(int(total) for total in totals) != TOTALS:
        part.unlink()
        sys.exit(f"{source} is another file: {rows} rows, totals {totals}; "
                 f"expected {ROWS} rows, totals {TOTALS}")
    os.replace(part, target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {rows} rows, {target.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
