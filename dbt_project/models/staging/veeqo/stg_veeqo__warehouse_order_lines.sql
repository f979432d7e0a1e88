-- Allocations name the item, not the order's line: where two lines hold the same item, units fill them in line order.
-- allocated_qty counts every allocation, shipped or not; shipped_qty those whose parcel has gone. read_at goes through every
-- step: who asks for what was read since reads no more than that.
with order_lines as (
    select
        system,
        _read_at as read_at,
        id as order_id,
        unnest(line_items) as line
    from {{ source('veeqo', 'orders') }}
),

lines as (
    select
        system,
        read_at,
        order_id,
        line.id as line_id,
        line.sellable.id as item_id,
        case when trim(line.sellable.sku_code) <> '' then line.sellable.sku_code end as sku,
        coalesce(line.quantity, 0) as qty,
        line.picked_quantity as picked_quantity,
        line.price_per_unit,
        line.remote_id,
        coalesce(sum(line.quantity) over (
            partition by system, read_at, order_id, line.sellable.id order by line.id
            rows between unbounded preceding and 1 preceding
        ), 0) as earlier_qty
    from order_lines
),

allocations as (
    select
        system,
        _read_at as read_at,
        id as order_id,
        unnest(allocations) as a
    from {{ source('veeqo', 'orders') }}
),

allocated_lines as (
    select
        system,
        read_at,
        order_id,
        a.shipment.id is not null as is_shipped,
        unnest(a.line_items) as line
    from allocations
),

allocated as (
    select
        system,
        read_at,
        order_id,
        coalesce(line.sellable.id, line.sellable_id) as item_id,
        sum(line.quantity) as qty,
        sum(line.picked_quantity) as picked_qty,
        sum(line.quantity) filter (where is_shipped) as shipped_qty
    from allocated_lines
    group by 1, 2, 3, 4
)

select
    l.system || ':' || l.line_id as warehouse_order_line_key,
    l.system || ':' || l.order_id as warehouse_order_key,
    l.sku,
    l.item_id::varchar as item_id,
    l.qty::bigint as qty,
    greatest(
        coalesce(l.picked_quantity, 0), least(l.qty, greatest(0, coalesce(a.picked_qty, 0) - l.earlier_qty))
    )::bigint as picked_qty,
    least(l.qty, greatest(0, coalesce(a.qty, 0) - l.earlier_qty))::bigint as allocated_qty,
    least(l.qty, greatest(0, coalesce(a.shipped_qty, 0) - l.earlier_qty))::bigint as shipped_qty,
    l.price_per_unit::decimal(18, 4) as unit_price_amount,
    nullif(trim(l.remote_id), '') as channel_line_ref,
    l.read_at
from lines as l
left join allocated as a
    on a.system = l.system and a.read_at = l.read_at and a.order_id = l.order_id and a.item_id = l.item_id
