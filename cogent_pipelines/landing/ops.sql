-- What the project keeps about its own work, beside the vendors' raw tables.
-- The ledger's copies (ops.operations, attempts, exceptions, adoptions, controls) are made by ledger/copy.py.

CREATE SCHEMA IF NOT EXISTS ops;

CREATE TABLE IF NOT EXISTS ops.pulls (
    pull_id VARCHAR, system VARCHAR, vendor VARCHAR, stream VARCHAR, kind VARCHAR,
    window_from TIMESTAMPTZ, window_to TIMESTAMPTZ, started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ,
    is_complete BOOLEAN, note VARCHAR, pages BIGINT,
    rows_in BIGINT, rows_new BIGINT, rows_changed BIGINT, rows_same BIGINT, rows_older BIGINT,
    rows_set_aside BIGINT, vendor_total BIGINT, rows_gone BIGINT, cursor_before TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS ops.cursors (system VARCHAR, stream VARCHAR, cursor_at TIMESTAMPTZ, pull_id VARCHAR);

CREATE TABLE IF NOT EXISTS ops.set_aside (
    system VARCHAR, vendor VARCHAR, stream VARCHAR, pull_id VARCHAR, line_no BIGINT, record_key VARCHAR,
    reason VARCHAR, line VARCHAR, set_aside_at TIMESTAMPTZ, is_open BOOLEAN
);

CREATE TABLE IF NOT EXISTS ops.unseen (
    system VARCHAR, vendor VARCHAR, stream VARCHAR, path VARCHAR, kind VARCHAR, example VARCHAR,
    first_seen_at TIMESTAMPTZ, last_seen_at TIMESTAMPTZ, seen BIGINT
);

CREATE TABLE IF NOT EXISTS ops.stock_changes (
    system VARCHAR, facility_ref VARCHAR, sku VARCHAR, available BIGINT, changed_at TIMESTAMPTZ, pull_id VARCHAR
);

CREATE TABLE IF NOT EXISTS ops.bulk_operations (
    system VARCHAR, stream VARCHAR, chunk VARCHAR, operation_id VARCHAR, state VARCHAR,
    started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS ops.declarations (vendor VARCHAR, digest VARCHAR);


-- Since when a row of a mart has been there, where a rule must remember it (rules/evaluate.py).
CREATE TABLE IF NOT EXISTS ops.first_seen (relation VARCHAR, row_key VARCHAR, since_at TIMESTAMPTZ);

-- The ledgers this file was judged with, and whether they had judged another before (rules/evaluate.py).
CREATE TABLE IF NOT EXISTS ops.ledgers (ledger_id VARCHAR, first_seen_at TIMESTAMPTZ, had_judged BOOLEAN);
