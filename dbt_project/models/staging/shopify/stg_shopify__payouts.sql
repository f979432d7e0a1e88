-- A withdrawal takes money out of the bank account.
select
    p.system || ':' || split_part(p.id, '/', -1) as payout_key,
    p.system,
    split_part(p.id, '/', -1) as payout_id,
    p.issuedAt as issued_at,
    null::timestamptz as arrives_at,
    case p.status
        when 'SCHEDULED' then 'scheduled'
        when 'IN_TRANSIT' then 'scheduled'
        when 'PAID' then 'paid'
        when 'FAILED' then 'failed'
        when 'CANCELED' then 'cancelled'
        else 'unknown'
    end as status_code,
    p.status as status_raw,
    (case when p.transactionType = 'WITHDRAWAL' then -abs(p.net.amount) else p.net.amount end)::decimal(18, 4)
        as net_amount,
    p.net.currencyCode as currency,
    p.externalTraceId as trace_id,
    true as is_itemised
from {{ source('shopify', 'payouts') }} as p
where p._gone_at is null
