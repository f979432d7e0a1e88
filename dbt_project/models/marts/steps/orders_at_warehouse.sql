-- Warehouse orders something can still go wrong with: unfinished, of a watched order, changed lately, or short of a line.
-- The years behind them only count references.
select
    w.* exclude (base_reference, read_at, stamped_at),
    n.order_key
from {{ ref('warehouse_book') }} as w
inner join {{ ref('warehouse_names') }} as n on n.warehouse_order_key = w.warehouse_order_key
where
    n.is_watched
    or w.warehouse_order_key in (select warehouse_order_key from {{ ref('warehouse_lines') }} where qty > shipped_qty)
