select
    l.system || ':' || split_part(l.id, '/', -1) as location_key,
    l.system,
    split_part(l.id, '/', -1) as location_id,
    nullif(trim(l.name), '') as name,
    coalesce(l.isActive, true) and l._gone_at is null as is_active
from {{ source('shopify', 'locations') }} as l
