select
    system,
    id::varchar as delivery_method_id,
    name
from {{ source('veeqo', 'delivery_methods') }}
where _gone_at is null
