-- What was packed as the message says it, in our SKUs; while there is no message, all that was loaded. A short line has 0
-- and is left out.
with messages as (
    select
        system,
        SalesOrderNumber,
        min(InterfaceRecordId) over (partition by system, SalesOrderNumber) as record_id,
        unnest(Lines) as line
    from {{ source('seko', 'dispatches') }}
),

loaded as (
    select
        system,
        GUID,
        SalesOrderNumber,
        Status,
        unnest(Lines) as line
    from {{ source('seko', 'orders') }}
),

names as (
    select
        system,
        SalesOrderNumber,
        line.ProductCode as product_code,
        min(line.SKU) as sku
    from loaded
    group by all
),

-- What others sent is told by the account's codes alone.
known as (
    select
        system,
        ProductCode as product_code,
        min(OurSKU) as sku
    from {{ source('seko', 'products') }}
    group by all
),

units as (
    select
        m.system,
        coalesce(o.GUID, m.record_id) as shipment_id,
        o.GUID as guid,
        coalesce(n.sku, k.sku, m.line.ProductCode) as sku,
        m.line.PackedQty as qty
    from messages as m
    left join {{ source('seko', 'orders') }} as o on o.system = m.system and o.SalesOrderNumber = m.SalesOrderNumber
    left join names as n
        on n.system = m.system and n.SalesOrderNumber = m.SalesOrderNumber and n.product_code = m.line.ProductCode
    left join known as k on k.system = m.system and k.product_code = m.line.ProductCode
    union all
    select
        l.system,
        l.GUID,
        l.GUID,
        l.line.SKU,
        l.line.Quantity
    from loaded as l
    where
        l.Status = 'Dispatched'
        and not exists (select 1 from messages as m where m.system = l.system and m.SalesOrderNumber = l.SalesOrderNumber)
)

select
    system || ':' || shipment_id as shipment_key,
    system || ':' || shipment_id as warehouse_order_key,
    sku,
    sum(qty)::bigint as qty
from units
where qty > 0
group by all
