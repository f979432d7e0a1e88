with gathered as (
    {{ union_vendors('warehouse_returns', without=['order_key']) }}
)

select
    g.*,
    wo.order_key
from gathered as g
left join {{ ref('warehouse_orders') }} as wo on wo.warehouse_order_key = g.warehouse_order_key
