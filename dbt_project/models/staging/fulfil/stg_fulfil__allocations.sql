-- A shipment for which goods are set aside; one that waits has none yet.
with parts as (
    select
        system,
        id as order_id,
        unnest(shipments) as shipment_id
    from {{ source('fulfil', 'orders') }}
)

select
    s.system || ':' || s.id as allocation_key,
    p.system || ':' || p.order_id as warehouse_order_key,
    s.system,
    s.warehouse::varchar as facility_id,
    s.create_date.iso_string at time zone 'UTC' as created_at,
    s.state = 'done' as is_shipped
from parts as p
inner join {{ source('fulfil', 'shipments') }} as s on s.system = p.system and s.id = p.shipment_id
where s.state in ('assigned', 'packed', 'done') and s._gone_at is null
