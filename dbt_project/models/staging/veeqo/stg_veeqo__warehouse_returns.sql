with returns as (
    select
        system,
        id as order_id,
        unnest(returns) as r
    from {{ source('veeqo', 'orders') }}
)

select
    system || ':' || r.id as return_key,
    system,
    r.id::varchar as return_id,
    system || ':' || order_id as warehouse_order_key,
    case r.status when 'returning' then 'expected' when 'returned' then 'received' else 'unknown' end as status_code,
    r.created_at
from returns
