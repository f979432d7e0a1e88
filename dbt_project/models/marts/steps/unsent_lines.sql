-- Lines a warehouse has and has not sent in full, of orders that are neither cancelled nor merged away.
select
    l.warehouse_order_line_key,
    l.warehouse_order_key,
    wo.order_key,
    wo.system,
    wo.status_code,
    l.sku,
    l.qty,
    l.picked_qty,
    l.allocated_qty,
    l.shipped_qty,
    l.unit_price_amount
from {{ ref('warehouse_lines') }} as l
inner join {{ ref('orders_at_warehouse') }} as wo on wo.warehouse_order_key = l.warehouse_order_key
where
    l.qty > l.shipped_qty
    and wo.status_code not in ('cancelled', 'merged', 'refunded')
    and wo.gone_at is null
