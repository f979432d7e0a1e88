with gathered as (
    {{ union_vendors('channel_stock', without=['facility'], sku='sku') }}
)

-- Several facilities may serve one location of a shop: then the level is theirs together and none is named.
select
    g.*,
    l.facility
from gathered as g
left join (
    select
        system,
        location_id,
        case when count(*) = 1 then min(facility) end as facility
    from {{ ref('locations') }}
    group by system, location_id
) as l on l.system = g.system and l.location_id = g.location_id
