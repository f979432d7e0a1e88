-- A book: what was listed once has happened. A refund and a dispute name their charge, the charge names the order. A dispute
-- is an adjustment whose category says which; the payout's own line is of the kind payout; one that failed comes back as a
-- line of a later payout.
with charges as (
    select t.system, t.source.id as charge_id, any_value(t.source.metadata.order_id) as order_reference
    from {{ source('stripe', 'balance_transactions') }} as t
    where t.type in ('charge', 'payment')
    group by all
),

lines as (
    select p.system, p.id as payout_id, unnest(list_transform(p.lines, lambda l: l.id)) as id
    from {{ source('stripe', 'payouts') }} as p
)

select
    t.system || ':' || t.id as entry_key,
    t.system,
    t.id as entry_id,
    coalesce(l.payout_id, case when t.type = 'payout' then t.source.id end) as payout_id,
    case
        when t.type in ('charge', 'payment') then 'charge'
        when t.type in ('refund', 'payment_refund', 'refund_failure', 'payment_failure_refund') then 'refund'
        when t.reporting_category = 'dispute' then 'chargeback'
        when t.reporting_category = 'dispute_reversal' then 'chargeback_reversed'
        when t.type in ('stripe_fee', 'stripe_fx_fee', 'tax_fee', 'application_fee', 'application_fee_refund') then 'fee'
        when t.type in ('reserved_funds', 'reserve_transaction')
            then case when t.amount < 0 then 'reserve_held' else 'reserve_released' end
        when t.type = 'payout' then 'payout'
        when t.type in (
            'adjustment', 'payout_failure', 'payout_cancel', 'transfer', 'transfer_cancel', 'transfer_failure',
            'transfer_refund', 'topup', 'topup_reversal', 'contribution', 'advance', 'advance_funding'
        ) then 'adjustment'
        else 'unknown'
    end as kind_code,
    t.type || case when t.reporting_category <> t.type then '/' || t.reporting_category else '' end as kind_raw,
    {{ from_minor('t.amount', 't.currency', cents=['ISK', 'UGX'], whole=['MGA']) }} as gross_amount,
    {{ from_minor('t.fee', 't.currency', cents=['ISK', 'UGX'], whole=['MGA']) }} as fee_amount,
    {{ from_minor('t.net', 't.currency', cents=['ISK', 'UGX'], whole=['MGA']) }} as net_amount,
    upper(coalesce(case when t.type <> 'payout' then t.source.currency end, t.currency)) as currency,
    upper(t.currency) as settlement_currency,
    case
        when t.exchange_rate is not null then t.exchange_rate
        when t.type = 'payout' or coalesce(t.source.currency, t.currency) = t.currency then 1
    end::decimal(18, 10) as settlement_rate,
    coalesce(t.source.id, t.id) as transaction_id,
    t.source.charge as original_transaction_id,
    coalesce(t.source.metadata.order_id, c.order_reference) as order_reference,
    null::varchar as order_key,
    to_timestamp(t.created) as occurred_at,
    to_timestamp(t.available_on) as available_at
from {{ source('stripe', 'balance_transactions') }} as t
left join lines as l on l.system = t.system and l.id = t.id
left join charges as c on c.system = t.system and c.charge_id = t.source.charge
