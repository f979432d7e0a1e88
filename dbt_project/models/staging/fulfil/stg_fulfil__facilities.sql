select
    system || ':' || id as facility_key,
    system,
    id::varchar as facility_id,
    name,
    _gone_at is null as is_active
from {{ source('fulfil', 'locations') }}
where type = 'warehouse'
