-- Runs that carried a part of their payloads and lost the others, until a retry succeeds or all that failed came through
-- later.
with recursive {{ later_successes() }},

lost as (
    select
        flow_run_key,
        count(*) as payloads,
        count(*) filter (where not is_recovered) as open_payloads,
        arg_min(message, failed_at) as message
    from failures
    group by flow_run_key
),

candidates as (
    select
        r.flow_run_key as exception_key,
        case when l.payloads is null then 'not_told_which' else 'payloads_lost' end as cause,
        r.system,
        r.flow_key as entity_key,
        coalesce(r.finished_at, r.started_at) as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        coalesce(f.name, r.flow_key) || ', run ' || r.run_id
        || case when l.payloads is null then ': its log names no failure' else ': ' || l.open_payloads || ' of its failures are open' end
        || coalesce('; ' || nullif(left(l.message, 120), ''), '') as detail,
        r.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ ref('flow_runs') }} as r
    left join {{ ref('flows') }} as f on f.flow_key = r.flow_key
    left join retried as t on t.run_key = r.flow_run_key
    left join lost as l on l.flow_run_key = r.flow_run_key
    where r.status_code = 'partly_failed' and t.end_at is null and coalesce(l.open_payloads, 1) > 0
),

{{ when_due('candidates') }}
