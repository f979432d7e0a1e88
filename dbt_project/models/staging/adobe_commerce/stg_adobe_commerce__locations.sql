select
    s.system || ':' || s.source_code as location_key,
    s.system,
    s.source_code as location_id,
    nullif(trim(s.name), '') as name,
    coalesce(s.enabled, true) and s._gone_at is null as is_active
from {{ source('adobe_commerce', 'sources') }} as s
