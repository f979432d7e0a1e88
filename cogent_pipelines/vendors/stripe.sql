-- Stripe's raw tables: the vendor's names and nesting, typed. Amounts are in the currency's minor units, instants in
-- seconds of 1970. Of a movement's source (a charge, a refund, a dispute) only what leads to its order: no person.
-- `lines` is ours: the movements a payout took, as it told when it was asked for them.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS stripe.payouts (
    id VARCHAR,
    amount BIGINT,
    currency VARCHAR,
    created BIGINT,
    arrival_date BIGINT,
    status VARCHAR,
    automatic BOOLEAN,
    method VARCHAR,
    type VARCHAR,
    reconciliation_status VARCHAR,
    balance_transaction VARCHAR,
    failure_balance_transaction VARCHAR,
    failure_code VARCHAR,
    failure_message VARCHAR,
    original_payout VARCHAR,
    reversed_by VARCHAR,
    description VARCHAR,
    statement_descriptor VARCHAR,
    trace_id STRUCT(status VARCHAR, "value" VARCHAR),
    lines STRUCT(id VARCHAR)[]
);

CREATE TABLE IF NOT EXISTS stripe.balance_transactions (
    id VARCHAR,
    type VARCHAR,
    reporting_category VARCHAR,
    balance_type VARCHAR,
    status VARCHAR,
    amount BIGINT,
    fee BIGINT,
    net BIGINT,
    currency VARCHAR,
    exchange_rate DECIMAL(28,10),
    created BIGINT,
    available_on BIGINT,
    description VARCHAR,
    fee_details STRUCT(type VARCHAR, amount BIGINT, currency VARCHAR, description VARCHAR)[],
    source STRUCT(
        id VARCHAR, "object" VARCHAR, amount BIGINT, currency VARCHAR, charge VARCHAR, payment_intent VARCHAR,
        metadata STRUCT(order_id VARCHAR)
    )
);
