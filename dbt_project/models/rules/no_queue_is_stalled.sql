-- Flows for which payloads wait and which do not run, and flows that run by a schedule and have missed it. No bridge says
-- what a flow's schedule is, so it is taken from its runs: the next is expected within the longest pause that lately began
-- at the same hour of the day, or within the longest of all where none did. A flow that began lately has none yet.
with starts as (
    select
        flow_key,
        started_at,
        lead(started_at) over (partition by flow_key order by started_at) as next_at
    from {{ ref('flow_runs') }}
    where trigger_code = 'schedule' and started_at >= {{ as_of() }} - to_days({{ var('schedule_days') }})
),

scheduled as (
    select
        flow_key,
        count(*) as runs,
        max(started_at) as last_at,
        arg_max(extract(hour from {{ local_time('started_at') }}), started_at) as last_hour,
        max(next_at - started_at) as longest
    from starts
    group by flow_key
),

same_hour as (
    select
        s.flow_key,
        max(s.next_at - s.started_at) as longest
    from starts as s
    inner join scheduled as l
        on l.flow_key = s.flow_key and l.last_hour = extract(hour from {{ local_time('s.started_at') }})
    where s.next_at is not null
    group by s.flow_key
),

last_runs as (
    select
        flow_key,
        max(started_at) as end_at
    from {{ ref('flow_runs') }}
    group by flow_key
),

candidates as (
    select
        f.flow_key || ':queue' as exception_key,
        case when f.is_enabled then 'waiting' else 'switched_off' end as cause,
        f.system,
        f.flow_key as entity_key,
        case when f.is_enabled then greatest(f.oldest_waiting_at, l.end_at) else f.oldest_waiting_at end as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        f.name || ': ' || f.waiting_count || ' waiting since ' || strftime(f.oldest_waiting_at, '%d %b %H:%M')
        || coalesce(', last run ' || strftime(l.end_at, '%d %b %H:%M'), ', never run') as detail,
        f.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ ref('flows') }} as f
    left join last_runs as l on l.flow_key = f.flow_key
    where f.waiting_count > 0 and f.gone_at is null

    union all

    select
        f.flow_key || ':schedule',
        'schedule_missed',
        f.system,
        f.flow_key,
        s.last_at + 2 * coalesce(h.longest, s.longest),
        null,
        null,
        f.name || ': last run by its schedule ' || strftime(s.last_at, '%d %b %H:%M') || ', expected within '
        || ceil(epoch(coalesce(h.longest, s.longest)) / 60)::bigint || ' minutes',
        f.url,
        null,
        null
    from {{ ref('flows') }} as f
    inner join scheduled as s on s.flow_key = f.flow_key
    left join same_hour as h on h.flow_key = f.flow_key
    where
        f.is_enabled
        and f.status_code = 'deployed'
        and f.gone_at is null
        and s.runs >= {{ var('schedule_runs') }}
        and (f.enabled_at is null or f.enabled_at <= s.last_at)
),

{{ when_due('candidates') }}
