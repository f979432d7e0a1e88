with gathered as (
    {{ union_vendors('items', without=['role'], sku='sku') }}
)

select
    g.*,
    s.role
from gathered as g
left join {{ source('estate', 'systems') }} as s on s.system = g.system
