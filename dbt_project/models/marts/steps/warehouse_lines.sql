-- Lines of warehouse orders something can still go wrong with, and every line a warehouse has not sent in full.
select
    warehouse_order_line_key,
    warehouse_order_key,
    sku,
    qty,
    coalesce(picked_qty, 0) as picked_qty,
    coalesce(allocated_qty, 0) as allocated_qty,
    coalesce(shipped_qty, 0) as shipped_qty,
    unit_price_amount
from {{ ref('warehouse_order_lines') }}
where
    qty > coalesce(shipped_qty, 0)
    or warehouse_order_key in (select warehouse_order_key from {{ ref('warehouse_names') }} where is_watched)
