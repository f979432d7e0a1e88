-- The day on one page: the books, what is another brand's, what stands open and for whom, what was sent, what is stopped.
with facts as (
    select
        1 as place,
        'books' as section,
        order_class as item,
        coalesce(reason, '') as detail,
        count(*) as number,
        sum(amount) as amount,
        currency,
        null::timestamptz as oldest_at
    from {{ ref('books') }}
    group by order_class, coalesce(reason, ''), currency

    union all

    select
        1,
        'foreign',
        system,
        entity,
        rows_foreign,
        null,
        null,
        null
    from {{ ref('foreign_rows') }}

    union all

    select
        2,
        'exceptions',
        owner,
        rule || ': ' || cause,
        open + acknowledged + accepted,
        amount,
        currency,
        oldest_at
    from {{ ref('exceptions_by_owner') }}

    union all

    select
        3,
        'syncs',
        y.sync,
        y.mode || coalesce(', ' || o.state, ''),
        count(o.promise_id),
        null,
        null,
        min(o.planned_at) filter (where o.state in ('waiting', 'held', 'claimed', 'sent', 'rejected', 'dead'))
    from {{ source('estate', 'syncs') }} as y
    left join {{ source('ops', 'operations') }} as o on o.sync = y.sync
    group by y.sync, y.mode, o.state

    union all

    select
        4,
        'stops',
        scope,
        kind || ': ' || coalesce(reason, ''),
        1,
        null,
        null,
        "at"
    from {{ source('ops', 'controls') }}
    where kind in ('pause', 'halt') and ended_at is null
)

select
    section,
    item,
    detail,
    number,
    amount,
    currency,
    oldest_at
from facts
order by place, section, item, detail, currency
