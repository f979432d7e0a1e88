-- Stock set aside for warehouse orders something can still go wrong with.
select
    wo.order_key,
    a.warehouse_order_key,
    a.allocation_key,
    a.system,
    a.facility_id,
    a.facility,
    a.created_at,
    al.sku,
    al.qty
from {{ ref('orders_at_warehouse') }} as wo
inner join {{ ref('allocations') }} as a on a.warehouse_order_key = wo.warehouse_order_key
inner join {{ ref('allocation_lines') }} as al on al.allocation_key = a.allocation_key
where
    al.warehouse_order_key in (select warehouse_order_key from {{ ref('orders_at_warehouse') }})
    and wo.status_code not in ('cancelled', 'refunded')
    and wo.gone_at is null
