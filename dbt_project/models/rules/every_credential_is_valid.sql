-- Systems that refuse us, whether reading or sending found it out (sending to them is halted meanwhile), and systems whose
-- key is about to end by the estate's word: renewing it takes a person days, not minutes.
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
    union all
    select
        system,
        'expires_soon',
        system,
        system,
        expires_on::timestamptz - to_days({{ var('expiry_lead_days') }}),
        null,
        null,
        'its key ends on ' || strftime(expires_on, '%d %B %Y'),
        null,
        null,
        null
    from {{ source('estate', 'systems') }}
    where
        expires_on::timestamptz - to_days({{ var('expiry_lead_days') }}) <= {{ as_of() }}
        and system not in (select system from refusals)
),

{{ when_due('candidates') }}
