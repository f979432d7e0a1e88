-- PayPal's raw table: the vendor's names and nesting, typed; amounts are texts with a point. `key` is ours: what makes a
-- movement one. Nothing of who paid is asked for.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS paypal.transactions (
    key VARCHAR,
    transaction_info STRUCT(
        transaction_id VARCHAR, paypal_reference_id VARCHAR, paypal_reference_id_type VARCHAR,
        transaction_event_code VARCHAR, transaction_status VARCHAR,
        transaction_initiation_date TIMESTAMPTZ, transaction_updated_date TIMESTAMPTZ,
        transaction_amount STRUCT(currency_code VARCHAR, "value" DECIMAL(28,10)),
        fee_amount STRUCT(currency_code VARCHAR, "value" DECIMAL(28,10)),
        ending_balance STRUCT(currency_code VARCHAR, "value" DECIMAL(28,10)),
        available_balance STRUCT(currency_code VARCHAR, "value" DECIMAL(28,10)),
        invoice_id VARCHAR, custom_field VARCHAR, bank_reference_id VARCHAR
    )
);
