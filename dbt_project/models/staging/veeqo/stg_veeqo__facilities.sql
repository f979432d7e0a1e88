select
    system || ':' || id as facility_key,
    system,
    id::varchar as facility_id,
    name,
    deleted_at is null and _gone_at is null as is_active
from {{ source('veeqo', 'warehouses') }}
