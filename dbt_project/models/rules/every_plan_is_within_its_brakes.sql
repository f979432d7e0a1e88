-- Plans that would have changed more at once than the estate allows. All of such a plan waits for a person.
with candidates as (
    select
        sync as exception_key,
        substr(min(reason), 7) as cause,
        min(system) as system,
        sync as entity_key,
        min(planned_at) as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        count(*) || ' changes of ' || sync || ' wait; cogent release ' || sync || ' lets them go' as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ source('ops', 'operations') }}
    where state = 'held' and starts_with(reason, 'brake:')
    group by sync
),

{{ when_due('candidates') }}
