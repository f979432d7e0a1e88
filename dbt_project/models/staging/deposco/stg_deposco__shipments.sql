-- A shipment's containers are its parcels, each with a number; one that shows none is a parcel itself. A label may have a
-- number before anything has left: only a shipment that is Shipped and holds shipped units has been despatched. What was
-- rolled back is no parcel. The carrier's scans are not known here.
with shipments as (
    select
        *,
        coalesce(list_sum(list_transform("shipmentLines".data, lambda line: coalesce(line."shippedPackQuantity", 0))), 0)
            as shipped_packs
    from ({{ deposco_shipments() }})
),

parcels as (
    select
        *,
        unnest(case when len(numbers) > 0 then numbers else [nullif(trim("trackingNumber"), '')] end) as parcel_number
    from shipments
),

orders as (
    {{ deposco_order_of_number() }}
)

select
    p.system || ':' || p.self.id || case when len(p.numbers) > 1 then ':' || p.parcel_number else '' end as shipment_key,
    p.system,
    p.self.id::varchar as shipment_id,
    p.system || ':' || coalesce(p.header.id, o.id) as warehouse_order_key,
    null::varchar as allocation_id,
    coalesce(p.facility."businessKey".number, o.facility_id) as facility_id,
    nullif(trim(p."shipVendor"), '') as carrier,
    nullif(trim(p."shipVia"), '') as service,
    p.parcel_number as tracking_number,
    case when coalesce(p.parcel_number = trim(p."trackingNumber"), false) then nullif(trim(p."trackingUrl"), '') end
        as tracking_url,
    case when p.status = 'Shipped' and p.shipped_packs > 0
        then coalesce(p."shipmentDates"."actualShipDate", p."updatedDate")
    end as despatched_at,
    null::timestamptz as first_scan_at,
    null::timestamptz as delivered_at,
    null::varchar as url
from parcels as p
left join orders as o on o.system = p.system and o.number = p.header."businessKey".number
