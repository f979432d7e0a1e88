select
    l.system || ':' || l.id as location_key,
    l.system,
    l.id::varchar as location_id,
    coalesce(nullif(trim(l.label), ''), nullif(trim(l.code), '')) as name,
    coalesce(l.enabled, true) and l._gone_at is null as is_active
from {{ source('bigcommerce', 'locations') }} as l
