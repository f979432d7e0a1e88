with gathered as (
    {{ union_vendors('allocations', without=['facility'], of='warehouse_order_key', role='warehouse') }}
)

select
    g.*,
    f.facility
from gathered as g
left join {{ ref('facilities') }} as f on f.warehouse_system = g.system and f.warehouse_facility_id = g.facility_id
