-- Each entry's net is its amount less its fee. A transfer is the payout itself: not asked for, and named if it comes. What a
-- refund is of, and the rate between the shop's currency and the balance's, stand on the order's transaction.
with every as (
    select o.system, unnest(o.transactions) as t
    from {{ source('shopify', 'orders') }} as o
),

transactions as (
    select
        e.system,
        split_part(e.t.id, '/', -1) as transaction_id,
        any_value(split_part(e.t.parentTransaction.id, '/', -1)) as parent_id,
        any_value(e.t.amountSet.shopMoney.currencyCode) as currency,
        any_value(e.t.settlementCurrencyRate) as rate
    from every as e
    group by all
)

select
    t.system || ':' || split_part(t.id, '/', -1) as entry_key,
    t.system,
    split_part(t.id, '/', -1) as entry_id,
    split_part(t.associatedPayout.id, '/', -1) as payout_id,
    case
        when t.type = 'CHARGE' then 'charge'
        when t.type in ('REFUND', 'REFUND_FAILURE') then 'refund'
        when t.type in ('CHARGEBACK_HOLD', 'DISPUTE_WITHDRAWAL') then 'chargeback'
        when t.type in ('CHARGEBACK_HOLD_RELEASE', 'DISPUTE_REVERSAL') then 'chargeback_reversed'
        when t.type in ('RESERVED_FUNDS', 'RESERVED_FUNDS_REVERSAL', 'RESERVED_FUNDS_WITHDRAWAL')
            then case when t.amount.amount < 0 then 'reserve_held' else 'reserve_released' end
        when t.type in (
            'ACH_BANK_FAILURE_DEBIT_FEE', 'ACH_BANK_FAILURE_DEBIT_REVERSAL_FEE', 'APPLICATION_FEE_REFUND',
            'CHARGEBACK_FEE', 'CHARGEBACK_FEE_REFUND', 'REFERRAL_FEE', 'REFERRAL_FEE_TAX', 'STRIPE_FEE'
        ) then 'fee'
        when t.type = 'TRANSFER' then 'payout'
        -- What a failed or withdrawn payout gives back is paid with the next one.
        when t.type in ('TRANSFER_CANCEL', 'TRANSFER_FAILURE', 'TRANSFER_REFUND') then 'adjustment'
        when t.type in ('ADJUSTMENT', 'CHARGE_ADJUSTMENT', 'REFUND_ADJUSTMENT') then 'adjustment'
        when t.type in (
            'ADS_PUBLISHER_CREDIT', 'ADS_PUBLISHER_CREDIT_REVERSAL', 'ADVANCE', 'ADVANCE_FUNDING', 'ANOMALY_CREDIT',
            'ANOMALY_CREDIT_REVERSAL', 'ANOMALY_DEBIT', 'ANOMALY_DEBIT_REVERSAL', 'BALANCE_TRANSFER_INBOUND',
            'BALANCE_TRANSFER_OUTBOUND', 'BILLING_DEBIT', 'BILLING_DEBIT_REVERSAL', 'CHANNEL_CREDIT',
            'CHANNEL_CREDIT_REVERSAL', 'CHANNEL_PROMOTION_CREDIT', 'CHANNEL_PROMOTION_CREDIT_REVERSAL',
            'CHANNEL_TRANSFER_CREDIT', 'CHANNEL_TRANSFER_CREDIT_REVERSAL', 'CHANNEL_TRANSFER_DEBIT',
            'CHANNEL_TRANSFER_DEBIT_REVERSAL', 'CHARGEBACK_PROTECTION_CREDIT',
            'CHARGEBACK_PROTECTION_CREDIT_REVERSAL', 'CHARGEBACK_PROTECTION_DEBIT',
            'CHARGEBACK_PROTECTION_DEBIT_REVERSAL', 'COLLECTIONS_CREDIT', 'COLLECTIONS_CREDIT_REVERSAL',
            'CUSTOMS_DUTY', 'CUSTOMS_DUTY_ADJUSTMENT', 'IMPORT_TAX', 'IMPORT_TAX_ADJUSTMENT', 'IMPORT_TAX_REFUND',
            'LENDING_CAPITAL_REFUND', 'LENDING_CAPITAL_REFUND_REVERSAL', 'LENDING_CAPITAL_REMITTANCE',
            'LENDING_CAPITAL_REMITTANCE_REVERSAL', 'LENDING_CREDIT', 'LENDING_CREDIT_REFUND',
            'LENDING_CREDIT_REFUND_REVERSAL', 'LENDING_CREDIT_REMITTANCE', 'LENDING_CREDIT_REMITTANCE_REVERSAL',
            'LENDING_CREDIT_REVERSAL', 'LENDING_DEBIT', 'LENDING_DEBIT_REVERSAL', 'MARKETPLACE_FEE_CREDIT',
            'MARKETPLACE_FEE_CREDIT_REVERSAL', 'MARKETS_PRO_CREDIT', 'MERCHANT_GOODWILL_CREDIT',
            'MERCHANT_GOODWILL_CREDIT_REVERSAL', 'MERCHANT_TO_MERCHANT_CREDIT',
            'MERCHANT_TO_MERCHANT_CREDIT_REVERSAL', 'MERCHANT_TO_MERCHANT_DEBIT',
            'MERCHANT_TO_MERCHANT_DEBIT_REVERSAL', 'PROMOTION_CREDIT', 'PROMOTION_CREDIT_REVERSAL', 'RISK_REVERSAL',
            'RISK_WITHDRAWAL', 'SELLER_PROTECTION_CREDIT', 'SELLER_PROTECTION_CREDIT_REVERSAL', 'SHIPPING_LABEL',
            'SHIPPING_LABEL_ADJUSTMENT', 'SHIPPING_LABEL_ADJUSTMENT_BASE', 'SHIPPING_LABEL_ADJUSTMENT_SURCHARGE',
            'SHIPPING_OTHER_CARRIER_CHARGE_ADJUSTMENT', 'SHIPPING_RETURN_TO_ORIGIN_ADJUSTMENT',
            'SHOPIFY_COLLECTIVE_CREDIT', 'SHOPIFY_COLLECTIVE_CREDIT_REVERSAL', 'SHOPIFY_COLLECTIVE_DEBIT',
            'SHOPIFY_COLLECTIVE_DEBIT_REVERSAL', 'SHOPIFY_SOURCE_CREDIT', 'SHOPIFY_SOURCE_CREDIT_REVERSAL',
            'SHOPIFY_SOURCE_DEBIT', 'SHOPIFY_SOURCE_DEBIT_REVERSAL', 'SHOP_CASH_BILLING_DEBIT',
            'SHOP_CASH_BILLING_DEBIT_REVERSAL', 'SHOP_CASH_CAMPAIGN_BILLING_CREDIT',
            'SHOP_CASH_CAMPAIGN_BILLING_CREDIT_REVERSAL', 'SHOP_CASH_CAMPAIGN_BILLING_DEBIT',
            'SHOP_CASH_CAMPAIGN_BILLING_DEBIT_REVERSAL', 'SHOP_CASH_CREDIT', 'SHOP_CASH_CREDIT_REVERSAL',
            'SHOP_CASH_REFUND_DEBIT', 'SHOP_CASH_REFUND_DEBIT_REVERSAL', 'TAX_ADJUSTMENT_CREDIT',
            'TAX_ADJUSTMENT_CREDIT_REVERSAL', 'TAX_ADJUSTMENT_DEBIT', 'TAX_ADJUSTMENT_DEBIT_REVERSAL',
            'VAT_REFUND_CREDIT', 'VAT_REFUND_CREDIT_REVERSAL'
        ) then 'adjustment'
        else 'unknown'
    end as kind_code,
    t.type as kind_raw,
    t.amount.amount::decimal(18, 4) as gross_amount,
    t.fee.amount::decimal(18, 4) as fee_amount,
    t.net.amount::decimal(18, 4) as net_amount,
    coalesce(o.currency, t.amount.currencyCode) as currency,
    t.net.currencyCode as settlement_currency,
    case
        when coalesce(o.currency, t.amount.currencyCode) = t.net.currencyCode then 1 else o.rate
    end::decimal(18, 10) as settlement_rate,
    coalesce(t.sourceOrderTransactionId, t.sourceId) as transaction_id,
    case when t.type in ('REFUND', 'REFUND_FAILURE') then o.parent_id end as original_transaction_id,
    t.associatedOrder.name as order_reference,
    t.system || ':' || split_part(t.associatedOrder.id, '/', -1) as order_key,
    t.transactionDate as occurred_at,
    null::timestamptz as available_at
from {{ source('shopify', 'balance_transactions') }} as t
left join transactions as o on o.system = t.system and o.transaction_id = t.sourceOrderTransactionId
where t._gone_at is null and not coalesce(t.test, false)
