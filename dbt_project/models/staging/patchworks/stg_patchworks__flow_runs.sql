-- A run is read again for a day, and as long as it is listed as started. One called started that is listed no more has
-- ended without our seeing how. Runs the vendor has forgotten stay.
with lately as (
    select
        system,
        max(_read_at) as read_at
    from {{ source('patchworks', 'flow_runs') }}
    group by system
)

select
    r.system || ':' || r.id as flow_run_key,
    r.system,
    r.id::varchar as run_id,
    r.system || ':' || r.flow_id as flow_key,
    case
        when r.status = 1 and r._read_at < l.read_at - interval 2 hours then 'unknown'
        when r.status = 1 then 'running'
        when r.status = 2 then 'succeeded'
        when r.status = 3 then 'failed'
        when r.status = 4 then 'cancelled'
        when r.status = 5 then 'partly_failed'
        else 'unknown'
    end as status_code,
    r.status::varchar as status_raw,
    case r.trigger
        when 'Schedule' then 'schedule'
        when 'Event' then 'event'
        when 'Webhook' then 'webhook'
        when 'Callback' then 'callback'
        when 'API' then 'api'
        when 'Router' then 'flow'
        when 'Shape' then 'flow'
        when 'Manual' then 'manual'
        when 'Retry' then 'retry'
        else 'unknown'
    end as trigger_code,
    r.trigger as trigger_raw,
    r.started_at,
    r.finished_at,
    r.system || ':' || r.retry_flow_run_id as retry_of_key,
    r.has_warnings,
    {{ redacted('r.summary') }} as summary,
    try_cast(json_extract_string(r.operations_sent, '$') as bigint) as operations_sent,
    try_cast(json_extract_string(r.operations_received, '$') as bigint) as operations_received,
    -- 37 is an order. What is no list of objects with these names gives none.
    list_distinct(list_transform(
        list_filter(
            try_cast(r.tracked_data as struct(entity_type_id bigint, value varchar)[]),
            lambda each: each.entity_type_id = 37 and trim(each.value) <> ''
        ),
        lambda each: trim(each.value)
    )) as order_references,
    s.admin_url || '/flow-run-logs/' || r.id as url,
    r._first_seen_at as first_seen_at,
    r._read_at as read_at
from {{ source('patchworks', 'flow_runs') }} as r
inner join lately as l on l.system = r.system
left join {{ source('estate', 'systems') }} as s on s.system = r.system
