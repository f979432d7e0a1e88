-- Payloads a run failed on that no later success has carried: neither a retry of the run nor one that moved all they name.
-- What we could not copy can only be made again by the system it came from.
with recursive {{ later_successes() }},

payloads as (
    select
        system,
        payload_id,
        bool_or(is_recovered) as is_recovered,
        min(failed_at) as failed_at,
        any_value(flow_key) as flow_key,
        any_value(url) as url,
        any_value(copy_code) as copy_code,
        any_value(payload_size) as payload_size,
        any_value(payload_references) as payload_references,
        arg_min(message, failed_at) as message
    from failures
    where payload_id is not null
    group by system, payload_id
),

candidates as (
    select
        p.system || ':' || p.payload_id as exception_key,
        case p.copy_code
            when 'copied' then 'not_sent_again'
            when 'not_read' then 'not_sent_again'
            else 'not_copied'
        end as cause,
        p.system,
        p.flow_key as entity_key,
        p.failed_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        coalesce(f.name, p.flow_key) || ', payload ' || p.payload_id
        || coalesce(' of ' || p.payload_size || ' bytes', '')
        || coalesce(' for ' || nullif(array_to_string(p.payload_references[:3], ', '), ''), '')
        || coalesce(': ' || nullif(left(p.message, 120), ''), '') as detail,
        p.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from payloads as p
    left join {{ ref('flows') }} as f on f.flow_key = p.flow_key
    where not p.is_recovered
),

{{ when_due('candidates') }}
