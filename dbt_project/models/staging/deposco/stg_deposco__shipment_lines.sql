-- Lines stand at the shipment, not in its containers: of several parcels the first by number is taken to hold them.
with shipments as (
    {{ deposco_shipments() }}
),

lines as (
    select
        system,
        self.id as shipment_id,
        case when len(numbers) > 1 then ':' || numbers[1] else '' end as parcel,
        header,
        unnest("shipmentLines".data) as line
    from shipments
),

orders as (
    {{ deposco_order_of_number() }}
)

select
    l.system || ':' || l.shipment_id || l.parcel as shipment_key,
    l.system || ':' || coalesce(l.header.id, o.id) as warehouse_order_key,
    case when trim(l.line.item."businessKey".number) <> '' then l.line.item."businessKey".number end as sku,
    round(sum(coalesce(l.line."shippedPackQuantity", 0) * coalesce(l.line.pack."businessKey".quantity, 1)))::bigint as qty
from lines as l
left join orders as o on o.system = l.system and o.number = l.header."businessKey".number
group by all
having sum(coalesce(l.line."shippedPackQuantity", 0)) > 0
