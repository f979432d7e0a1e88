with shipments as (
    select
        system,
        id as order_id,
        list_concat(
            flatten(list_transform(coalesce(consignments.shipping, []), lambda c: c.line_items)),
            flatten(list_transform(coalesce(consignments.pickups, []), lambda c: c.line_items))
        ) as lines,
        unnest(shipments) as f
    from {{ source('bigcommerce', 'orders') }}
    where status_id <> 0
),

items as (
    select
        system,
        order_id,
        lines,
        f.id as shipment_id,
        unnest(f.items) as item
    from shipments
)

select
    o.system || ':' || o.shipment_id as fulfilment_key,
    o.system || ':' || o.order_id as order_key,
    o.system || ':' || o.item.order_product_id as order_line_key,
    nullif(trim(list_filter(o.lines, lambda l: l.id = o.item.order_product_id)[1].sku), '') as sku,
    o.item.quantity as qty
from items as o
