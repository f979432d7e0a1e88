-- Errors of a run's log, each with its payload as it was when it was copied. Both outlive the vendor's own.
select
    l.system || ':' || l.id as failure_key,
    l.system,
    l.system || ':' || l.flow_run_id as flow_run_key,
    lower(l.log_level) as level_code,
    l.created_at as failed_at,
    l.flow_step_id::varchar as step_id,
    {{ redacted('l.log_message') }} as message,
    l.payload_metadata_id::varchar as payload_id,
    coalesce(p.content_size, p.payload_size) as payload_size,
    p.content_sha256 as payload_sha256,
    p.content_references as payload_references,
    case
        when l.payload_metadata_id is null then 'no_payload'
        when p.copy_state = 'copied' then 'copied'
        when p.copy_state = 'expired' then 'expired'
        when p.copy_state = 'too_large' then 'too_large'
        else 'not_read'
    end as copy_code,
    l._read_at as read_at
from {{ source('patchworks', 'run_logs') }} as l
left join {{ source('patchworks', 'payloads') }} as p on p.system = l.system and p.id = l.payload_metadata_id
where upper(l.log_level) in ('ERROR', 'FATAL')
