-- The lines of live orders.
select
    order_line_key,
    order_key,
    system,
    line_id,
    sku,
    ordered_qty,
    current_qty,
    currency,
    coalesce(requires_shipping, true) as requires_shipping
from {{ ref('order_lines') }}
where order_key in (select order_key from {{ ref('live_orders') }})
