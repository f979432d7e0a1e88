-- Klarna's raw tables: the vendor's names and nesting, typed. Amounts are in minor units and without a sign: a line's type
-- says which way it goes. `transactions` holds a link to them in the vendor's answer, and here what it leads to.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS klarna.payouts (
    payment_reference VARCHAR,
    payout_date TIMESTAMPTZ,
    currency_code VARCHAR,
    currency_code_of_registration_country VARCHAR,
    merchant_settlement_type VARCHAR,
    merchant_id VARCHAR,
    totals STRUCT(
        sale_amount BIGINT, fee_amount BIGINT, tax_amount BIGINT, return_amount BIGINT, reversal_amount BIGINT,
        commission_amount BIGINT, commission_reversal_amount BIGINT, repay_amount BIGINT, holdback_amount BIGINT,
        release_amount BIGINT, fee_correction_amount BIGINT, charge_amount BIGINT, credit_amount BIGINT,
        fee_refund_amount BIGINT, tax_refund_amount BIGINT, deposit_amount BIGINT, opening_debt_balance_amount BIGINT,
        closing_debt_balance_amount BIGINT, settlement_amount BIGINT
    ),
    transactions STRUCT(
        type VARCHAR, detailed_type VARCHAR, amount BIGINT, currency_code VARCHAR, order_id VARCHAR,
        short_order_id VARCHAR, capture_id VARCHAR, refund_id VARCHAR, merchant_reference1 VARCHAR,
        merchant_reference2 VARCHAR, merchant_capture_reference VARCHAR, merchant_refund_reference VARCHAR,
        sale_date TIMESTAMPTZ, capture_date TIMESTAMPTZ, purchase_country VARCHAR, shipping_country VARCHAR,
        vat_rate BIGINT, vat_amount BIGINT, tax_in_currency_of_registration_country BIGINT,
        reversal_reason VARCHAR, klarna_comment VARCHAR
    )[]
);
