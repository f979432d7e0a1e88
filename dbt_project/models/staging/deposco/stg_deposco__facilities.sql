-- A facility is known by its number everywhere, levels included.
select
    system || ':' || self.id as facility_key,
    system,
    number as facility_id,
    name,
    _gone_at is null as is_active
from {{ source('deposco', 'facilities') }}
