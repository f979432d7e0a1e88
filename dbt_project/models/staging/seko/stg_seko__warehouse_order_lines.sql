-- What was loaded: an order is taken whole or not at all and cannot be edited. Loading reserves all of it at its DC.
-- Dispatch is told per product; where two lines of ours hold one product, units fill them in line order.
with lines as (
    select
        system,
        _read_at,
        GUID,
        SalesOrderNumber,
        Status,
        unnest(Lines) as line
    from {{ source('seko', 'orders') }}
),

placed as (
    select
        *,
        coalesce(sum(line.Quantity) over (
            partition by system, GUID, line.ProductCode order by line.LineNumber
            rows between unbounded preceding and 1 preceding
        ), 0) as earlier_qty
    from lines
),

packed_lines as (
    select
        system,
        _read_at,
        SalesOrderNumber,
        min(InterfaceRecordId) over of_order as record_id,
        min(_first_seen_at) over of_order as first_seen_at,
        unnest(Lines) as line
    from {{ source('seko', 'dispatches') }}
    window of_order as (partition by system, SalesOrderNumber)
),

packed as (
    select
        system,
        SalesOrderNumber,
        line.ProductCode as product_code,
        sum(line.PackedQty) as qty
    from packed_lines
    group by all
),

told as (
    select
        system,
        SalesOrderNumber,
        max(_read_at) as read_at
    from packed_lines
    group by all
)

select
    p.system || ':' || p.GUID || ':' || p.line.LineNumber as warehouse_order_line_key,
    p.system || ':' || p.GUID as warehouse_order_key,
    p.line.SKU as sku,
    p.line.ProductCode as item_id,
    p.line.Quantity as qty,
    case when p.Status in ('Pick Complete', 'To Dispatch', 'Dispatched') then p.line.Quantity else 0 end::bigint as picked_qty,
    case when p.Status is distinct from 'Cancelled' then p.line.Quantity else 0 end::bigint as allocated_qty,
    case
        when p.Status is distinct from 'Dispatched' then 0
        when t.SalesOrderNumber is null then p.line.Quantity
        else least(p.line.Quantity, greatest(0, coalesce(k.qty, 0) - p.earlier_qty))
    end::bigint as shipped_qty,
    p.line.UnitPrice::decimal(18, 4) as unit_price_amount,
    null::varchar as channel_line_ref,
    greatest(p._read_at, t.read_at) as read_at
from placed as p
left join packed as k
    on k.system = p.system and k.SalesOrderNumber = p.SalesOrderNumber and k.product_code = p.line.ProductCode
left join told as t on t.system = p.system and t.SalesOrderNumber = p.SalesOrderNumber
union all by name
-- What others sent and has left, as its message says it.
select
    k.system || ':' || k.record_id || ':' || k.line.LineNo as warehouse_order_line_key,
    k.system || ':' || k.record_id as warehouse_order_key,
    coalesce(n.OurSKU, k.line.ProductCode) as sku,
    k.line.ProductCode as item_id,
    k.line.PackedQty as qty,
    k.line.PackedQty as picked_qty,
    0::bigint as allocated_qty,
    k.line.PackedQty as shipped_qty,
    greatest(k._read_at, o._read_at) as read_at
from packed_lines as k
left join {{ source('seko', 'orders') }} as o on o.system = k.system and o.SalesOrderNumber = k.SalesOrderNumber
left join (
    select system, ProductCode, min(OurSKU) as OurSKU
    from {{ source('seko', 'products') }}
    group by system, ProductCode
) as n on n.system = k.system and n.ProductCode = k.line.ProductCode
where o.SalesOrderNumber is null or k.first_seen_at < o._first_seen_at
