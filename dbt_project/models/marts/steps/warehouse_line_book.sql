-- Lines of warehouse orders as rules read them, made once each with their order's row in the warehouse book.
select
    warehouse_order_line_key,
    warehouse_order_key,
    sku,
    qty,
    coalesce(picked_qty, 0) as picked_qty,
    coalesce(allocated_qty, 0) as allocated_qty,
    coalesce(shipped_qty, 0) as shipped_qty,
    unit_price_amount,
    read_at
from {{ ref('warehouse_order_lines') }}
