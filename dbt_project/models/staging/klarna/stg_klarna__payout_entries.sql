-- A book: what was listed once has happened. Amounts have no sign, the type gives it. A sale's fee and the tax on it are lines
-- of the same capture. A GROSS merchant is invoiced for fees: those lines are no part of the payout. What was owed before a
-- payout and after it stands in its totals and in no line.
with lines as (
    select
        p.system,
        p.payment_reference,
        coalesce(p.merchant_settlement_type, '') = 'GROSS' as is_gross,
        generate_subscripts(p.transactions, 1) - 1 as place,
        unnest(p.transactions) as t
    from {{ source('klarna', 'payouts') }} as p
),

signed as (
    select
        unnest(l.t),
        l.system,
        l.payment_reference,
        l.payment_reference || '/' || l.place as key,
        {{ from_minor('l.t.amount', 'l.t.currency_code') }} * case
            when l.t.type in ('RETURN', 'FEE', 'TAX', 'REVERSAL', 'HOLDBACK', 'CHARGE', 'COMMISSION') then -1 else 1
        end as net,
        not (l.is_gross and l.t.type in ('FEE', 'TAX', 'FEE_REFUND')) as is_part
    from lines as l
),

debts as (
    select p.*, 'opening' as side, -p.totals.opening_debt_balance_amount as amount
    from {{ source('klarna', 'payouts') }} as p
    where p.totals.opening_debt_balance_amount <> 0
    union all
    select p.*, 'closing', p.totals.closing_debt_balance_amount
    from {{ source('klarna', 'payouts') }} as p
    where p.totals.closing_debt_balance_amount <> 0
)

select
    s.system || ':' || s.key as entry_key,
    s.system,
    s.key as entry_id,
    case when s.is_part then s.payment_reference end as payout_id,
    case
        when s.type = 'SALE' then 'charge'
        when s.type = 'RETURN' then 'refund'
        when s.type = 'REVERSAL' then 'chargeback'
        when s.type = 'REVERSAL_MERCHANT_PROTECTION' then 'chargeback_reversed'
        when s.type in ('FEE', 'TAX', 'FEE_REFUND', 'COMMISSION', 'CHARGE') then 'fee'
        when s.type = 'HOLDBACK' then 'reserve_held'
        when s.type = 'RELEASE' then 'reserve_released'
        when s.type in ('CORRECTION', 'CREDIT') then 'adjustment'
        else 'unknown'
    end as kind_code,
    s.type || coalesce('/' || nullif(s.detailed_type, s.type), '') as kind_raw,
    s.net::decimal(18, 4) as gross_amount,
    0::decimal(18, 4) as fee_amount,
    s.net::decimal(18, 4) as net_amount,
    upper(s.currency_code) as currency,
    upper(s.currency_code) as settlement_currency,
    1::decimal(18, 10) as settlement_rate,
    coalesce(s.refund_id, s.capture_id, s.order_id) as transaction_id,
    case when s.type not in ('SALE', 'FEE', 'TAX') then s.capture_id end as original_transaction_id,
    s.merchant_reference1 as order_reference,
    null::varchar as order_key,
    coalesce(s.capture_date, s.sale_date) as occurred_at,
    null::timestamptz as available_at
from signed as s

union all
select
    d.system || ':' || d.payment_reference || '/' || d.side,
    d.system,
    d.payment_reference || '/' || d.side,
    d.payment_reference,
    'adjustment',
    d.side || ' debt balance',
    {{ from_minor('d.amount', 'd.currency_code') }},
    0::decimal(18, 4),
    {{ from_minor('d.amount', 'd.currency_code') }},
    upper(d.currency_code),
    upper(d.currency_code),
    1::decimal(18, 10),
    d.payment_reference,
    null,
    null,
    null,
    d.payout_date,
    null
from debts as d
