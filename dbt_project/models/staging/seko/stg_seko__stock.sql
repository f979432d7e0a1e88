-- What may be sold of each SKU at each DC. Quarantine, query and QC are told apart and are none of it; what lies there in
-- all, and what is reserved of it, is not told.
select
    system || ':' || StockKey as stock_key,
    system,
    DCCode as facility_id,
    OurSKU as sku,
    ProductCode as item_id,
    null::bigint as physical_qty,
    null::bigint as allocated_qty,
    Quantity as available_qty,
    _changed_at as updated_at,
    _read_at as read_at
from {{ source('seko', 'stock') }}
where LocationType = 'Available Stock' and _gone_at is null
