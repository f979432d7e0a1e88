-- What is listed has been paid: there is no status.
select
    p.system || ':' || p.payment_reference as payout_key,
    p.system,
    p.payment_reference as payout_id,
    p.payout_date as issued_at,
    null::timestamptz as arrives_at,
    'paid' as status_code,
    null::varchar as status_raw,
    {{ from_minor('p.totals.settlement_amount', 'p.currency_code') }} as net_amount,
    upper(p.currency_code) as currency,
    p.payment_reference as trace_id,
    true as is_itemised
from {{ source('klarna', 'payouts') }} as p
