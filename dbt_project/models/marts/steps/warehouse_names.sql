-- Which channel order a warehouse order is for, by the number in its reference. Should two channel orders share a number,
-- the reference means the first.
with known as (
    select
        order_name,
        arg_min(order_key, placed_at) as order_key
    from {{ ref('order_book') }}
    where order_name is not null
    group by order_name
),

of_orders as materialized (
    select
        w.warehouse_order_key,
        k.order_key,
        w.status_code in ('awaiting_payment', 'awaiting_stock', 'on_hold', 'released', 'picking', 'unknown')
        or w.updated_at > {{ as_of() }} - to_days({{ var('edit_days') }})
        or coalesce(w.gone_at > {{ as_of() }} - to_days({{ var('edit_days') }}), false)
        or coalesce(k.order_key in (select order_key from {{ ref('watched_orders') }}), false) as is_watched
    from {{ ref('warehouse_book') }} as w
    left join known as k on k.order_name = w.base_reference
)

-- All records of an order are watched together: half of them is another order.
select
    warehouse_order_key,
    order_key,
    is_watched or coalesce(order_key in (select order_key from of_orders where is_watched), false) as is_watched
from of_orders
