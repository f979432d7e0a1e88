-- There is no list of shipments: one shipped allocation is one parcel. The number is an object that may hold no number.
with allocations as (
    select
        system,
        id as order_id,
        unnest(allocations) as a
    from {{ source('veeqo', 'orders') }}
)

select
    o.system || ':' || o.a.shipment.id as shipment_key,
    o.system,
    o.a.shipment.id::varchar as shipment_id,
    o.system || ':' || o.order_id as warehouse_order_key,
    o.a.id::varchar as allocation_id,
    o.a.warehouse.id::varchar as facility_id,
    coalesce(nullif(trim(o.a.shipment.carrier.name), ''), case o.a.shipment.carrier_id
        when 1 then 'Royal Mail' when 2 then 'FedEx' when 3 then 'Other' when 4 then 'DPD' when 5 then 'UPS'
        when 6 then 'CityLink' when 7 then 'USPS' when 8 then 'Interlink' when 9 then 'DHL' when 10 then 'MyHermes'
        when 11 then 'Australia Post' when 12 then 'Parcelforce' when 13 then 'TNT' when 14 then 'Yodel'
        when 15 then 'APC' when 16 then 'DX' when 17 then 'UK Mail' when 18 then 'Israel Post'
        when 19 then 'Canada Post' when 23 then 'Hermes World' when 24 then 'Deutsche Post'
    end) as carrier,
    nullif(trim(o.a.shipment.service_name), '') as service,
    nullif(trim(o.a.shipment.tracking_number.tracking_number), '') as tracking_number,
    nullif(trim(o.a.shipment.tracking_url), '') as tracking_url,
    o.a.shipment.created_at as despatched_at,
    least(
        o.a.shipment.tracking_number.collected_at, o.a.shipment.tracking_number.in_transit_at,
        o.a.shipment.tracking_number.out_for_delivery_at, o.a.shipment.tracking_number.delivered_at
    ) as first_scan_at,
    o.a.shipment.tracking_number.delivered_at as delivered_at,
    s.admin_url || '/orders/' || o.order_id as url
from allocations as o
left join {{ source('estate', 'systems') }} as s on s.system = o.system
where o.a.shipment.id is not null
