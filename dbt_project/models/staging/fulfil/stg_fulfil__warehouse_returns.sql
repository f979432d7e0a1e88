-- A return's shipment comes from the sale that the return is, and that from the order; where it comes from the order at
-- once, that is its order.
with returns as (
    select
        *,
        try_cast(regexp_extract(origin, '^sale\.sale,([0-9]+)$', 1) as bigint) as sale_id
    from {{ source('fulfil', 'returns') }}
    where state is distinct from 'cancel' and _gone_at is null
),

sales as (
    select
        system,
        id,
        case
            when total_quantity < 0
                then coalesce(try_cast(regexp_extract(origin, '^sale\.sale,([0-9]+)$', 1) as bigint), id)
            else id
        end as order_id
    from {{ source('fulfil', 'orders') }}
)

select
    r.system || ':' || r.id as return_key,
    r.system,
    r.id::varchar as return_id,
    s.system || ':' || s.order_id as warehouse_order_key,
    case
        when r.state in ('draft', 'waiting', 'assigned') then 'expected'
        when r.state in ('received', 'done') then 'received'
        else 'unknown'
    end as status_code,
    r.create_date.iso_string at time zone 'UTC' as created_at
from returns as r
left join sales as s on s.system = r.system and s.id = r.sale_id
