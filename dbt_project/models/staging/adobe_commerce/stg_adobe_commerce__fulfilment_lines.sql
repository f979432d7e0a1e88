-- A child may stand in a shipment beside its parent, and a parent beside its parts: only what the order ships by itself counts.
with items as (
    select
        system,
        entity_id,
        order_id,
        unnest(items) as item
    from {{ source('adobe_commerce', 'shipments') }}
    where _gone_at is null
),

ordered as (
    select
        system,
        list_transform(goods, lambda g: g.item.item_id) as item_ids,
        unnest(items) as item
    from ({{ adobe_commerce_orders() }})
),

others as (
    select
        system,
        item.item_id as item_id
    from ordered
    where not list_contains(item_ids, item.item_id)
)

select
    o.system || ':' || o.entity_id as fulfilment_key,
    o.system || ':' || o.order_id as order_key,
    o.system || ':' || o.item.order_item_id as order_line_key,
    nullif(trim(o.item.sku), '') as sku,
    o.item.qty::bigint as qty
from items as o
where (o.system, o.item.order_item_id) not in (select (c.system, c.item_id) from others as c)
