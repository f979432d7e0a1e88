-- Systems that refuse us, or will soon. One row per system; sending to it is paused meanwhile.
with refusals as (
    select
        system,
        state as code,
        reason,
        checked_at as refused_at
    from {{ source('ops', 'credentials') }}
    where state <> 'ok'
    union all
    select
        scope as system,
        code,
        reason,
        "at"
    from {{ source('ops', 'controls') }}
    where kind = 'halt' and ended_at is null
),

candidates as (
    select
        system as exception_key,
        case
            when arg_min(code, refused_at) in ('credentials', 'scope', 'expiring', 'account', 'host') then arg_min(code, refused_at)
            else 'refused'
        end as cause,
        system,
        system as entity_key,
        min(refused_at) as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        left(coalesce(arg_min(reason, refused_at), ''), 200) as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from refusals
    group by system
),

{{ when_due('candidates') }}
