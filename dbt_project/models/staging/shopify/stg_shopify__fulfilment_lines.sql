with fulfilments as (
    select
        system,
        split_part(id, '/', -1) as order_id,
        unnest(fulfillments) as f
    from {{ source('shopify', 'orders') }}
),

lines as (
    select
        system,
        order_id,
        split_part(f.id, '/', -1) as fulfilment_id,
        unnest(f.fulfillmentLineItems.nodes) as line
    from fulfilments
)

select
    o.system || ':' || o.fulfilment_id as fulfilment_key,
    o.system || ':' || o.order_id as order_key,
    o.system || ':' || split_part(o.line.lineItem.id, '/', -1) as order_line_key,
    case when trim(o.line.lineItem.sku) <> '' then o.line.lineItem.sku end as sku,
    o.line.quantity as qty
from lines as o
