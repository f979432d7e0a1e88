-- What waits is listed by the flow's version; the flow itself comes with it. One whose entry does not name its flow is of
-- the flow that ran that version before.
with versions as (
    select
        system,
        flow_version_id,
        any_value(flow_id) as flow_id
    from {{ source('patchworks', 'flow_runs') }}
    where flow_version_id is not null
    group by system, flow_version_id
),

waiting as (
    select
        q.system,
        coalesce(q.flow.id, v.flow_id) as flow_id,
        count(*) as waiting_count,
        min(q.created_at) as oldest_waiting_at
    from {{ source('patchworks', 'queue') }} as q
    left join versions as v on v.system = q.system and v.flow_version_id = q.flow_version_id
    where q._gone_at is null
    group by q.system, coalesce(q.flow.id, v.flow_id)
)

select
    f.system || ':' || f.id as flow_key,
    f.system,
    f.id::varchar as flow_id,
    f.name,
    case f.status
        when 'Draft' then 'draft'
        when 'Inactive' then 'inactive'
        when 'Deployed' then 'deployed'
        else 'unknown'
    end as status_code,
    f.status as status_raw,
    f.is_enabled,
    f.enabled_at,
    f.deployed_at,
    coalesce(w.waiting_count, 0) as waiting_count,
    w.oldest_waiting_at,
    f.created_at,
    f.updated_at,
    s.admin_url as url,
    f._read_at as read_at,
    f._gone_at as gone_at
from {{ source('patchworks', 'flows') }} as f
left join waiting as w on w.system = f.system and w.flow_id = f.id
left join {{ source('estate', 'systems') }} as s on s.system = f.system
