-- The ids of these lines are not those of the order's lines, and a move, a hold or a split makes new ones.
with lines as (
    select
        system,
        split_part(id, '/', -1) as fulfilment_order_id,
        split_part(orderId, '/', -1) as order_id,
        split_part(assignedLocation.location.id, '/', -1) as location_id,
        unnest(lineItems.nodes) as line
    from {{ source('shopify', 'fulfillment_orders') }}
    where _gone_at is null
)

select
    f.system || ':' || split_part(f.line.id, '/', -1) as fulfilment_order_line_key,
    f.system || ':' || f.fulfilment_order_id as fulfilment_order_key,
    split_part(f.line.id, '/', -1) as fulfilment_order_line_id,
    f.fulfilment_order_id,
    f.system || ':' || f.order_id as order_key,
    f.system || ':' || split_part(f.line.lineItem.id, '/', -1) as order_line_key,
    f.location_id,
    case when trim(f.line.sku) <> '' then f.line.sku end as sku,
    f.line.totalQuantity as total_qty,
    f.line.remainingQuantity as remaining_qty
from lines as f
