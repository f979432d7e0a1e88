-- Syncs that are live while the flow which did their work before is switched on, or is not known to be off. Everything of
-- such a sync is held. A flow that was deleted since runs no more.
with named as (
    select
        s.sync,
        s.was_system,
        s.was_flow,
        s.from_at,
        max(f.name) as name,
        count(f.flow_key) as flows,
        coalesce(bool_or(f.is_enabled and f.gone_at is null), false) as is_on,
        coalesce(bool_or(f.is_enabled is null and f.gone_at is null), false) as is_silent,
        max(f.enabled_at) filter (where f.is_enabled and f.gone_at is null) as enabled_at,
        any_value(f.url) as url
    from {{ source('estate', 'syncs') }} as s
    left join {{ ref('flows') }} as f on f.system = s.was_system and s.was_flow in (f.flow_id, f.name)
    where s.mode = 'live' and s.was_system is not null
    group by s.sync, s.was_system, s.was_flow, s.from_at
),

held as (
    select
        sync,
        count(*) as promises
    from {{ source('ops', 'operations') }}
    where state = 'held' and starts_with(reason, 'previous_writer')
    group by sync
),

candidates as (
    select
        n.sync as exception_key,
        case when n.is_on then 'previous_writer_enabled' else 'previous_writer_unknown' end as cause,
        n.was_system as system,
        n.sync as entity_key,
        greatest(n.from_at, n.enabled_at) as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        n.sync || ': ' || coalesce(n.name, n.was_flow) || ' of ' || n.was_system
        || case when n.is_on then ' is switched on' when n.flows = 0 then ' is not there' else ' does not say whether it is on' end
        || '; ' || coalesce(h.promises, 0) || ' held' as detail,
        n.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from named as n
    left join held as h on h.sync = n.sync
    where n.is_on or n.is_silent or n.flows = 0
),

{{ when_due('candidates') }}
