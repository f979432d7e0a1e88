-- A batch's MerchantPayout is the transfer. One that the bank sends back is a row of a later batch.
select
    r.system || ':' || r.batch || '/' || r."Net Currency" as payout_key,
    r.system,
    r.batch || '/' || r."Net Currency" as payout_id,
    min(r.created_at) as issued_at,
    null::timestamptz as arrives_at,
    'paid' as status_code,
    'MerchantPayout' as status_raw,
    sum(coalesce(r."Net Debit (NC)", 0) - coalesce(r."Net Credit (NC)", 0))::decimal(18, 4) as net_amount,
    r."Net Currency" as currency,
    min(r."Modification Reference") as trace_id,
    true as is_itemised
from {{ source('adyen', 'settlement_details') }} as r
where r."Type" = 'MerchantPayout'
group by r.system, r.batch, r."Net Currency"
