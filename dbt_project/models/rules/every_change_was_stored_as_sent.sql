-- What a target accepted and then holds otherwise than it was sent, or not at all: a success that is none.
with unlike as (
    select *
    from {{ source('ops', 'operations') }}
    where
        reason in ('mismatch', 'not_stored')
        and (state in ('waiting', 'claimed', 'sent', 'dead', 'rejected'))
    qualify row_number() over (partition by sync, system, business_key order by generation desc) = 1
),

candidates as (
    select
        sync || ':' || system || ':' || business_key as exception_key,
        reason as cause,
        system,
        coalesce(order_key, business_key) as entity_key,
        coalesce(first_sent_at, sent_at, planned_at) as since_at,
        amount,
        currency,
        coalesce(reference, business_key) || ': '
        || case
            when reason = 'not_stored' then 'accepted, and not there'
            else coalesce(nullif(left(message, 200), ''), 'stored otherwise than sent')
        end as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from unlike
),

{{ when_due('candidates') }}
