select
    g.*,
    f.facility,
    wo.order_key
from {{ ref('shipment_records') }} as g
left join {{ ref('facilities') }} as f on f.warehouse_system = g.system and f.warehouse_facility_id = g.facility_id
left join {{ ref('warehouse_orders') }} as wo on wo.warehouse_order_key = g.warehouse_order_key
