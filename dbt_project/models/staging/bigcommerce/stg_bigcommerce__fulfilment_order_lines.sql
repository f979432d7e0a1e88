-- An order's line is in one consignment, and its id serves for both. Refunded units are not sent any more: whether a unit
-- was refunded before or after it was shipped, the vendor does not say, and rather none is sent than one that was given up.
with consignments as (
    select
        system,
        id as order_id,
        unnest(consignments.shipping) as c
    from {{ source('bigcommerce', 'orders') }}
    where status_id <> 0 and _gone_at is null
),

lines as (
    select
        system,
        order_id,
        c.id as address_id,
        unnest(c.line_items) as line
    from consignments
),

-- An order names no location: it is taken from the store's default one, the first (INFERRED), and from where its facilities
-- send it is the estate's routing.
homes as (
    select
        system,
        min(id)::varchar as location_id
    from {{ source('bigcommerce', 'locations') }}
    where coalesce(enabled, true) and _gone_at is null
    group by system
)

select
    o.system || ':' || o.line.id as fulfilment_order_line_key,
    o.system || ':' || o.address_id as fulfilment_order_key,
    o.line.id::varchar as fulfilment_order_line_id,
    o.address_id::varchar as fulfilment_order_id,
    o.system || ':' || o.order_id as order_key,
    o.system || ':' || o.line.id as order_line_key,
    h.location_id,
    case when trim(o.line.sku) <> '' then o.line.sku end as sku,
    o.line.quantity as total_qty,
    greatest(0, o.line.quantity - coalesce(o.line.quantity_shipped, 0) - coalesce(o.line.quantity_refunded, 0))::bigint
        as remaining_qty
from lines as o
left join homes as h on h.system = o.system
where coalesce(o.line.type, 'physical') = 'physical'
