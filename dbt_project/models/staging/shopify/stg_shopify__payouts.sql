-- A withdrawal takes money out of the bank account.
select
    p.system || ':' || split_part(p.id, '/', -1) as payout_key,
    p.system,
    split_part(p.id, '/', -1) as payout_id,
    p.issuedAt as issued_at,
    case p.status
        when 'SCHEDULED' then 'scheduled'
        when 'IN_TRANSIT' then 'scheduled'
        when 'PAID' then 'paid'
        when 'FAILED' then 'failed'
        when 'CANCELED' then 'cancelled'
        else 'unknown'
    end as status_code,
    (case when p.transactionType = 'WITHDRAWAL' then -abs(p.net.amount) else p.net.amount end)::decimal(18, 4)
        as net_amount,
    p.net.currencyCode as currency
from {{ source('shopify', 'payouts') }} as p
where p._gone_at is null
