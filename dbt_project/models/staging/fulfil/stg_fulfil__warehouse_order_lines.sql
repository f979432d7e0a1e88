-- The goods of an order: delivery is a line too, of a product that is a service. Shipments name the product, not the
-- order's line: where two lines hold the same product, units fill them in line order.
with orders as (
    select
        system,
        id as order_id,
        shipments
    from {{ source('fulfil', 'orders') }}
    where coalesce(total_quantity, 0) >= 0
),

lines as (
    select
        l.system,
        l.sale as order_id,
        l.id as line_id,
        l.product,
        nullif(trim(l."product.code"), '') as sku,
        coalesce(l.quantity, 0)::bigint as qty,
        l.unit_price.decimal as unit_price,
        coalesce(sum(l.quantity) over (
            partition by l.system, l.sale, l.product order by l.id
            rows between unbounded preceding and 1 preceding
        ), 0)::bigint as earlier_qty
    from {{ source('fulfil', 'order_lines') }} as l
    inner join orders as o on o.system = l.system and o.order_id = l.sale
    where l.product is not null and coalesce(l."product.type", '') <> 'service' and l._gone_at is null
),

parts as (
    select
        system,
        order_id,
        unnest(shipments) as shipment_id
    from orders
),

outgoing as (
    select
        p.system,
        p.order_id,
        s.state,
        lower(s.picking_status) as picking_status,
        unnest(s.outgoing_moves) as move_id
    from parts as p
    inner join {{ source('fulfil', 'shipments') }} as s on s.system = p.system and s.id = p.shipment_id
    where s.state in ('assigned', 'packed', 'done') and s._gone_at is null
),

allocated as (
    select
        o.system,
        o.order_id,
        m.product,
        sum(m.quantity) as qty,
        sum(m.quantity) filter (
            where o.state in ('packed', 'done')
            or o.picking_status in ('in-progress', 'in_progress', 'picking', 'picked', 'done')
        ) as picked_qty,
        sum(m.quantity) filter (where o.state = 'done') as shipped_qty
    from outgoing as o
    inner join {{ source('fulfil', 'moves') }} as m on m.system = o.system and m.id = o.move_id
    where m.state <> 'cancel'
    group by all
),

last_read as (
    {{ fulfil_last_read() }}
)

select
    l.system || ':' || l.line_id as warehouse_order_line_key,
    l.system || ':' || l.order_id as warehouse_order_key,
    l.sku,
    l.product::varchar as item_id,
    l.qty,
    least(l.qty, greatest(0, coalesce(a.picked_qty, 0) - l.earlier_qty))::bigint as picked_qty,
    least(l.qty, greatest(0, coalesce(a.qty, 0) - l.earlier_qty))::bigint as allocated_qty,
    least(l.qty, greatest(0, coalesce(a.shipped_qty, 0) - l.earlier_qty))::bigint as shipped_qty,
    l.unit_price::decimal(18, 4) as unit_price_amount,
    null::varchar as channel_line_ref,
    r.read_at
from lines as l
inner join last_read as r on r.system = l.system and r.order_id = l.order_id
left join allocated as a on a.system = l.system and a.order_id = l.order_id and a.product = l.product
