with gathered as (
    {{ union_vendors('warehouse_returns', without=['order_key'], of='warehouse_order_key', role='warehouse') }}
)

-- Returns are few: their orders are found by name directly, and not through every order's.
select
    g.*,
    o.order_key
from gathered as g
left join {{ ref('warehouse_records') }} as wo on wo.warehouse_order_key = g.warehouse_order_key
left join {{ ref('orders') }} as o on o.order_name = {{ base_reference('wo.reference') }}
qualify row_number() over (partition by g.return_key order by o.placed_at) = 1
