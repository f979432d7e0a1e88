-- Adyen's raw table: the report's own column names, typed; debit and credit are columns of their own, with a point.
-- `key`, `batch` and `created_at` are ours: the row's place in its file, the file's number, and its instant in UTC.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS adyen.settlement_details (
    key VARCHAR,
    batch BIGINT,
    created_at TIMESTAMPTZ,
    "Merchant Account" VARCHAR,
    "Psp Reference" VARCHAR,
    "Merchant Reference" VARCHAR,
    "Payment Method" VARCHAR,
    "Creation Date" VARCHAR,
    "TimeZone" VARCHAR,
    "Type" VARCHAR,
    "Modification Reference" VARCHAR,
    "Modification Merchant Reference" VARCHAR,
    "Gross Currency" VARCHAR,
    "Gross Debit (GC)" DECIMAL(28,10),
    "Gross Credit (GC)" DECIMAL(28,10),
    "Exchange Rate" DECIMAL(28,10),
    "Net Currency" VARCHAR,
    "Net Debit (NC)" DECIMAL(28,10),
    "Net Credit (NC)" DECIMAL(28,10),
    "Commission (NC)" DECIMAL(28,10),
    "Markup (NC)" DECIMAL(28,10),
    "Scheme Fees (NC)" DECIMAL(28,10),
    "Interchange (NC)" DECIMAL(28,10),
    "Batch Number" VARCHAR
);
