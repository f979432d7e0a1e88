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
    from {{ ref('shipment_records') }}
    where despatched_at is not null
)

select
    s.shipment_key,
    s.system,
    s.shipment_id,
    s.warehouse_order_key,
    k.order_key,
    f.facility,
    s.known_carrier as carrier,
    s.known_number as tracking_number,
    upper(s.known_number) as number,
    n.number is not null as is_told,
    s.despatched_at,
    s.first_scan_at,
    s.url
from left_the_house as s
left join {{ ref('warehouse_names') }} as k on k.warehouse_order_key = s.warehouse_order_key
left join numbers as n on n.order_key = k.order_key and n.number = upper(s.known_number)
left join {{ ref('facilities') }} as f on f.warehouse_system = s.system and f.warehouse_facility_id = s.facility_id
where
    n.number is null
    or (s.system, s.known_carrier) not in (select (c.warehouse_system, c.carrier) from {{ ref('carriers') }} as c)
    or k.order_key in (select order_key from {{ ref('live_orders') }})
