with transactions as (
    select
        system,
        id as order_id,
        _read_at,
        unnest(transactions) as t
    from {{ source('bigcommerce', 'orders') }}
    where status_id <> 0
)

select
    o.system || ':' || o.t.id as payment_key,
    o.system,
    o.system || ':' || o.order_id as order_key,
    o.t.id::varchar as payment_id,
    case o.t.event
        when 'authorization' then 'authorisation'
        when 'purchase' then 'sale'
        when 'capture' then 'capture'
        when 'refund' then 'refund'
        when 'void' then 'void'
        else 'other'
    end as kind_code,
    case
        when o.t.event = 'pending' then 'pending'
        when o.t.status = 'ok' then 'success'
        when o.t.status = 'error' then 'failed'
        else 'unknown'
    end as status_code,
    o.t.amount::decimal(18, 4) as amount,
    o.t.currency as currency,
    nullif(trim(o.t.gateway), '') as gateway,
    null::decimal(18, 4) as fee_amount,
    o.t.date_created as processed_at,
    o._read_at as read_at
from transactions as o
