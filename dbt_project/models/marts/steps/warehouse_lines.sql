-- Lines of warehouse orders something can still go wrong with, and every line a warehouse has not sent in full.
select * exclude (read_at)
from {{ ref('warehouse_line_book') }}
where
    qty > shipped_qty
    or warehouse_order_key in (select warehouse_order_key from {{ ref('warehouse_names') }} where is_watched)
