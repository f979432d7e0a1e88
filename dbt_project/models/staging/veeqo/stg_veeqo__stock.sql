-- available may be negative. An entry that is infinite has no level to compare, so its available is not known.
with items as (
    select
        system,
        _read_at,
        unnest(sellables) as item
    from {{ source('veeqo', 'stock') }}
    where _gone_at is null
),

entries as (
    select
        system,
        _read_at,
        item.id as item_id,
        case when trim(item.sku_code) <> '' then item.sku_code end as sku,
        unnest(item.stock_entries) as entry
    from items
)

select
    system || ':' || item_id || ':' || entry.warehouse_id as stock_key,
    system,
    entry.warehouse_id::varchar as facility_id,
    sku,
    item_id::varchar as item_id,
    entry.physical_stock_level as physical_qty,
    entry.allocated_stock_level as allocated_qty,
    case when not coalesce(entry.infinite, false) then entry.available_stock_level end as available_qty,
    entry.updated_at,
    _read_at as read_at
from entries
