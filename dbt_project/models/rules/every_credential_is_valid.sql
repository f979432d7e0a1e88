-- Systems that refuse us, whether reading or sending found it out. Sending to them is halted meanwhile.
with refusals as (
    select
        scope as system,
        code,
        reason,
        "at" as refused_at
    from {{ source('ops', 'controls') }}
    where kind = 'halt' and ended_at is null
),

candidates as (
    select
        system as exception_key,
        case
            when arg_min(code, refused_at) in ('credentials', 'scope', 'account', 'host') then arg_min(code, refused_at)
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
