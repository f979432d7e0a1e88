-- What a parcel holds is what its allocation held.
with allocations as (
    select
        system,
        id as order_id,
        unnest(allocations) as a
    from {{ source('veeqo', 'orders') }}
),

lines as (
    select
        system,
        order_id,
        a.shipment.id as shipment_id,
        unnest(a.line_items) as line
    from allocations
    where a.shipment.id is not null
)

select
    system || ':' || shipment_id as shipment_key,
    system || ':' || order_id as warehouse_order_key,
    case when trim(line.sellable.sku_code) <> '' then line.sellable.sku_code end as sku,
    sum(line.quantity)::bigint as qty
from lines
group by all
