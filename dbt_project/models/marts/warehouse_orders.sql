-- The channel order is found by the reference: the order's number, or the number and a facility where an order was
-- sent to several (`1001/YORK`). Should two orders share a number, the reference means the first.
with named as (
    select
        *,
        {{ base_reference('reference') }} as base_reference
    from {{ ref('warehouse_records') }}
),

known as (
    select
        order_name,
        arg_min(order_key, placed_at) as order_key
    from {{ ref('orders') }}
    where order_name is not null
    group by order_name
)

select
    n.* exclude (base_reference),
    k.order_key,
    k.order_key is not null as has_known_order
from named as n
left join known as k on k.order_name = n.base_reference
