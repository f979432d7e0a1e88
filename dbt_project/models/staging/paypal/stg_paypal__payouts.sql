-- There is no payout: a withdrawal is the transfer. What the balance held before and after is told by the provider, so that
-- a withdrawal of a part of it is the sum of its entries too (stg_paypal__payout_entries).
select
    t.system || ':' || t.key as payout_key,
    t.system,
    t.key as payout_id,
    t.transaction_info.transaction_initiation_date as issued_at,
    null::timestamptz as arrives_at,
    case t.transaction_info.transaction_status
        when 'P' then 'scheduled'
        when 'S' then 'paid'
        when 'D' then 'failed'
        when 'V' then 'failed'
        else 'unknown'
    end as status_code,
    t.transaction_info.transaction_status as status_raw,
    (-t.transaction_info.transaction_amount.value)::decimal(18, 4) as net_amount,
    t.transaction_info.transaction_amount.currency_code as currency,
    coalesce(t.transaction_info.bank_reference_id, t.transaction_info.transaction_id) as trace_id,
    t.transaction_info.ending_balance.value is not null and t.transaction_info.transaction_status <> 'D' as is_itemised
from {{ source('paypal', 'transactions') }} as t
where starts_with(t.transaction_info.transaction_event_code, 'T04')
