-- Flows whose last run failed, with the runs that failed since the last success. A run that lost a part of its payloads is
-- no success; one that somebody stopped says nothing. A flow that is switched off fails no more.
with last_success as (
    select
        flow_key,
        max(started_at) as end_at
    from {{ ref('flow_runs') }}
    where status_code = 'succeeded'
    group by flow_key
),

since_then as (
    select
        r.system,
        r.flow_key,
        count(*) as runs,
        min(coalesce(r.finished_at, r.started_at)) as since_at,
        arg_max(r.status_code, r.started_at) as last_code,
        arg_max(r.summary, r.started_at) as summary,
        arg_max(r.url, r.started_at) as url
    from {{ ref('flow_runs') }} as r
    left join last_success as s on s.flow_key = r.flow_key
    where r.status_code in ('failed', 'partly_failed') and (s.end_at is null or r.started_at > s.end_at)
    group by r.system, r.flow_key
),

candidates as (
    select
        t.flow_key as exception_key,
        case when t.runs = 1 then 'last_run_failed' else 'keeps_failing' end as cause,
        t.system,
        t.flow_key as entity_key,
        t.since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        f.name || ': ' || t.runs || case when t.runs = 1 then ' run has' else ' runs have' end || ' failed since its last success'
        || coalesce('; ' || nullif(left(t.summary, 120), ''), '') as detail,
        t.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from since_then as t
    inner join {{ ref('flows') }} as f on f.flow_key = t.flow_key
    where t.last_code = 'failed' and coalesce(f.is_enabled, true) and f.gone_at is null
),

{{ when_due('candidates') }}
