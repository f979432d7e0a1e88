-- One dispatch per order, told twice: by the pushed message and by the order's status when it is asked for. Whichever comes
-- first makes the parcel, under the order's GUID; a message about an order that is not ours stands under its own id.
with messages as (
    select
        system,
        SalesOrderNumber,
        min(SalesOrderReference) as reference,
        min(InterfaceRecordId) as record_id,
        min(DispatchDate) as dispatched_at,
        min(DCCode) as dc_code,
        min(Courier) as courier,
        min(CourierService) as courier_service,
        min(TrackingNumber) as tracking_number,
        min(TrackingUrl) as tracking_url
    from {{ source('seko', 'dispatches') }}
    group by system, SalesOrderNumber
),

details as (
    select
        system,
        SalesOrderNumber,
        min(Courier) as courier,
        min(TrackingNumber) as tracking_number,
        min(TrackingUrl) as tracking_url
    from {{ source('seko', 'tracking_details') }}
    group by system, SalesOrderNumber
),

parcels as (
    select
        coalesce(o.system, m.system) as system,
        coalesce(o.GUID, m.record_id) as shipment_id,
        o.GUID as guid,
        coalesce(o.SalesOrderNumber, m.SalesOrderNumber) as order_number,
        coalesce(m.dc_code, o.DCCode) as dc_code,
        coalesce(m.dispatched_at, case when o.Status = 'Dispatched' then o._changed_at end) as despatched_at,
        m.courier,
        coalesce(m.courier_service, o.CourierService) as courier_service,
        m.tracking_number,
        m.tracking_url,
        o.CourierName as asked_courier
    from {{ source('seko', 'orders') }} as o
    full join messages as m on m.system = o.system and m.SalesOrderNumber = o.SalesOrderNumber
    where m.SalesOrderNumber is not null or o.Status = 'Dispatched'
)

select
    p.system || ':' || p.shipment_id as shipment_key,
    p.system,
    p.shipment_id,
    p.system || ':' || p.shipment_id as warehouse_order_key,
    p.guid as allocation_id,
    p.dc_code as facility_id,
    coalesce(t.Courier, d.courier, p.courier, p.asked_courier) as carrier,
    p.courier_service as service,
    coalesce(t.TrackingNumber, d.tracking_number, p.tracking_number) as tracking_number,
    coalesce(p.tracking_url, d.tracking_url) as tracking_url,
    p.despatched_at,
    null::timestamptz as first_scan_at,
    null::timestamptz as delivered_at,
    null::varchar as url
from parcels as p
left join details as d on d.system = p.system and d.SalesOrderNumber = p.order_number
left join {{ source('seko', 'tracking') }} as t on t.system = p.system and t.GUID = p.guid
