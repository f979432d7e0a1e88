-- The moves that leave the building. Moves to the packing bench name the same shipment and are the same goods.
with parts as (
    select
        system,
        id as order_id,
        unnest(shipments) as shipment_id
    from {{ source('fulfil', 'orders') }}
),

outgoing as (
    select
        s.system,
        p.order_id,
        s.id as shipment_id,
        unnest(s.outgoing_moves) as move_id
    from parts as p
    inner join {{ source('fulfil', 'shipments') }} as s on s.system = p.system and s.id = p.shipment_id
    where s.state in ('assigned', 'packed', 'done') and s._gone_at is null
)

select
    o.system || ':' || o.shipment_id as allocation_key,
    o.system || ':' || o.order_id as warehouse_order_key,
    nullif(trim(m."product.code"), '') as sku,
    m.product::varchar as item_id,
    sum(m.quantity)::bigint as qty
from outgoing as o
inner join {{ source('fulfil', 'moves') }} as m on m.system = o.system and m.id = o.move_id
where m.state <> 'cancel'
group by all
