-- One level per item and location. Its key ends as the vendor's own id of it does (122?inventory_item_id=489), because
-- by that id levels of any locations are looked up together.
select
    l.system || ':' || split_part(l.id, '/', -1) as channel_stock_key,
    l.system,
    split_part(l.location.id, '/', -1) as location_id,
    case when trim(l.item.sku) <> '' then l.item.sku end as sku,
    split_part(l.item.id, '/', -1) as item_id,
    list_filter(l.quantities, lambda q: q.name = 'available')[1].quantity as available_qty,
    list_filter(l.quantities, lambda q: q.name = 'committed')[1].quantity as committed_qty,
    list_filter(l.quantities, lambda q: q.name = 'on_hand')[1].quantity as on_hand_qty,
    l.updatedAt as updated_at,
    l._read_at as read_at,
    coalesce(l.isActive, true) as is_active
from {{ source('shopify', 'inventory_levels') }} as l
where l._gone_at is null
