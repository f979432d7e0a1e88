-- Lines of the goods received that stg_seko__warehouse_returns shows. A code of digits may have lost its leading noughts.
with lines as (
    select
        g.*,
        o.Lines as order_lines
    from {{ source('seko', 'grns') }} as g
    inner join {{ source('seko', 'orders') }} as o
        on o.system = g.system
        and (g.HBRef = o.SalesOrderNumber or regexp_replace(g.HBRef, '-R\d+$', '') = o.SalesOrderNumber)
    where
        not coalesce(g.DeliveryNumber ilike 'SS Cancellation%', false)
        and not coalesce(g.HBRef ilike 'SS Cancellation%', false)
)

select
    system || ':' || GUID as return_key,
    coalesce(
        list_filter(order_lines, lambda l: l.ProductCode = lines.ProductCode)[1].SKU,
        list_filter(order_lines, lambda l: ltrim(l.ProductCode, '0') = lines.ProductCode)[1].SKU,
        ProductCode
    ) as sku,
    sum(GRNQuantity)::bigint as qty,
    sum(case when coalesce(CurrentStatus, 'Confirmed') = 'Confirmed' then GRNQuantity else 0 end)::bigint as received_qty
from lines
group by all
