-- A configurable's child may stand in a shipment beside its parent: only lines of the order count.
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
        unnest(items) as item
    from {{ source('adobe_commerce', 'orders') }}
),

children as (
    select
        system,
        item.item_id as item_id
    from ordered
    where item.parent_item_id is not null
)

select
    o.system || ':' || o.entity_id as fulfilment_key,
    o.system || ':' || o.order_id as order_key,
    o.system || ':' || o.item.order_item_id as order_line_key,
    nullif(trim(o.item.sku), '') as sku,
    o.item.qty::bigint as qty
from items as o
where (o.system, o.item.order_item_id) not in (select (c.system, c.item_id) from children as c)
