-- Streams whose last whole reading is older than they may be. Everything else that is said of a system rests on this.
with last_pulls as (
    select
        system,
        stream,
        max(started_at) filter (where is_complete) as complete_at,
        max(started_at) as tried_at,
        arg_max(note, started_at) as note,
        arg_max(is_complete, started_at) as is_complete
    from {{ source('ops', 'pulls') }}
    where kind in ('full', 'increment', 'bulk')
    group by system, stream
),

beginning as (
    select min(started_at) as began_at
    from {{ source('ops', 'pulls') }}
),

late as (
    select
        f.*,
        p.complete_at,
        p.tried_at,
        p.note,
        p.is_complete,
        coalesce(p.complete_at, b.began_at, {{ as_of() }} - to_seconds(greatest({{ var('feed_patience') }} * f.seconds, {{ var('feed_least_seconds') }}))) as read_at
    from {{ source('estate', 'feeds') }} as f
    cross join beginning as b
    left join last_pulls as p on p.system = f.system and p.stream = f.stream
),

candidates as (
    select
        system || ':' || stream as exception_key,
        case
            when complete_at is null and tried_at is null then 'never_read'
            when is_complete then 'late'
            else 'incomplete'
        end as cause,
        system,
        system || ':' || stream as entity_key,
        read_at + to_seconds(greatest({{ var('feed_patience') }} * seconds, {{ var('feed_least_seconds') }})) as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        stream || ' of ' || system || coalesce(', last read whole ' || strftime(complete_at, '%d %b %H:%M'), ', never read whole')
        || case when not is_complete then coalesce(': ' || nullif(left(note, 120), ''), '') else '' end as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from late
),

{{ when_due('candidates') }}
