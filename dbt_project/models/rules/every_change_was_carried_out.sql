-- Promises that nothing happens with: given up, refused for good, or neither done nor refused for too long. What waits
-- because of a rule, a brake or a halted system has an exception of its own. An order that the warehouse cancelled and that
-- its shop has cancelled too is no change any more; one that the warehouse merged into another goes with that one.
with stuck as (
    select
        op.*,
        p.paused_by is not null as is_paused
    from {{ source('ops', 'operations') }} as op
    left join (
        select
            scope,
            min("by") as paused_by
        from {{ source('ops', 'controls') }}
        where kind = 'pause' and ended_at is null
        group by scope
    ) as p on p.scope in (op.sync, op.system, 'all')
    where
        op.state in ('waiting', 'claimed', 'sent', 'dead', 'rejected')
        and coalesce(op.reason, '') not in ('mismatch', 'not_stored', 'past_no_return', 'merged_at_target')
        and not (
            op.reason = 'cancelled_at_target'
            and op.order_key in (select o.order_key from {{ ref('order_book') }} as o where o.cancelled_at is not null)
        )
        and op.system not in (
            select scope from {{ source('ops', 'controls') }} where kind = 'halt' and ended_at is null
        )
),

candidates as (
    select
        sync || ':' || system || ':' || business_key as exception_key,
        case
            when state in ('dead', 'rejected') then state
            when is_paused then 'paused'
            when state = 'sent' then 'unknown_outcome'
            else 'stuck'
        end as cause,
        system,
        coalesce(order_key, business_key) as entity_key,
        case when state in ('dead', 'rejected') then coalesce(sent_at, planned_at) else planned_at end as since_at,
        amount,
        currency,
        sync || ' ' || business_key || coalesce(': ' || nullif(coalesce(nullif(left(message, 120), ''), reason), ''), '') as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from stuck
    qualify row_number() over (partition by sync, system, business_key order by generation desc, is_paused desc) = 1
),

{{ when_due('candidates') }}
