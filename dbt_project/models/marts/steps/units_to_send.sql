-- Lines to send in what a shelf holds: bundles taken apart, and each SKU by the warehouse's name for it.
select
    l.order_key,
    l.system,
    l.order_line_key,
    l.line_id,
    l.location_id,
    l.facility,
    l.warehouse_system,
    l.warehouse_facility_id,
    l.sku,
    b.parent_sku is not null as is_bundle,
    coalesce(b.component_sku, l.sku) as component_sku,
    coalesce(n.warehouse_sku, b.component_sku, l.sku) as warehouse_sku,
    coalesce(b.qty, 1)::bigint as per_unit_qty,
    (l.remaining_qty * coalesce(b.qty, 1))::bigint as qty
from {{ ref('lines_to_send') }} as l
left join {{ ref('bundle_components') }} as b on b.parent_sku = l.sku
left join {{ ref('sku_names') }} as n
    on n.channel_system = l.system
    and n.warehouse_system = l.warehouse_system
    and n.channel_sku = coalesce(b.component_sku, l.sku)
