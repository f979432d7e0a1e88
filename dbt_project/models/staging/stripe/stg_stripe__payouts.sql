-- Only of an automatic payout can the provider be asked which movements it took, and for certain once it is reconciled.
select
    p.system || ':' || p.id as payout_key,
    p.system,
    p.id as payout_id,
    to_timestamp(p.created) as issued_at,
    to_timestamp(p.arrival_date) as arrives_at,
    case p.status
        when 'pending' then 'scheduled'
        when 'in_transit' then 'scheduled'
        when 'paid' then 'paid'
        when 'failed' then 'failed'
        when 'canceled' then 'cancelled'
        else 'unknown'
    end as status_code,
    p.status as status_raw,
    {{ from_minor('p.amount', 'p.currency', cents=['ISK', 'UGX'], whole=['MGA']) }} as net_amount,
    upper(p.currency) as currency,
    coalesce(p.trace_id.value, p.statement_descriptor) as trace_id,
    coalesce(p.automatic and p.reconciliation_status = 'completed', false) as is_itemised
from {{ source('stripe', 'payouts') }} as p
