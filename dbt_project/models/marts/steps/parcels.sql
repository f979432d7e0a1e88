-- Parcels something can still go wrong with: of live orders, of no order, that nobody can follow, or whose number the
-- channel does not show.
with numbers as (
    select distinct
        f.order_key,
        upper(trim(u.number)) as number
    from {{ ref('fulfilments') }} as f
    cross join unnest(f.tracking_numbers) as u (number)
    where f.status_code in ('success', 'pending')
),

left_the_house as (
    select
        *,
        nullif(trim(carrier), '') as known_carrier,
        nullif(trim(tracking_number), '') as known_number
    from {{ ref('shipments') }}
    where despatched_at is not null
)

select
    s.shipment_key,
    s.system,
    s.shipment_id,
    s.warehouse_order_key,
    s.order_key,
    s.facility,
    s.known_carrier as carrier,
    s.known_number as tracking_number,
    upper(s.known_number) as number,
    n.number is not null as is_told,
    s.despatched_at,
    s.first_scan_at,
    s.url
from left_the_house as s
left join numbers as n on n.order_key = s.order_key and n.number = upper(s.known_number)
where
    n.number is null
    or (s.system, s.known_carrier) not in (select (k.warehouse_system, k.carrier) from {{ ref('carriers') }} as k)
    or s.order_key in (select order_key from {{ ref('live_orders') }})
