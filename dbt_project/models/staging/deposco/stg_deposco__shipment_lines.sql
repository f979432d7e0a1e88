-- Lines stand at the shipment, not in its containers: of several parcels the first by number is taken to hold them.
with shipments as (
    select
        *,
        "orderHeaders".data[1] as header,
        list_sort(list_distinct(list_transform(
            list_filter("shippedContainers".data, lambda c: trim(c."trackingNumber") <> ''), lambda c: trim(c."trackingNumber")
        ))) as numbers
    from {{ source('deposco', 'shipments') }}
    where status is distinct from 'Rolled Back' and _gone_at is null
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

ranked as (
    select
        system,
        number,
        self.id as id,
        row_number() over (
            partition by system, number
            order by
                case
                    when coalesce("orderStatus", status) in ('Ship Complete', 'Partially Shipped') then 0
                    when coalesce("orderStatus", status) = 'Canceled' then 2
                    else 1
                end,
                self.id desc
        ) as rank
    from {{ source('deposco', 'orders') }}
),

orders as (
    select *
    from ranked
    where rank = 1
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
