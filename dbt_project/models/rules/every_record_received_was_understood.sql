-- What arrived and could not be taken in: records set aside, values no list of ours has, states that became 'unknown'.
-- A field nobody declared is reported, and breaks nothing. (An order in an unknown state is a live one.)
with unknown_states as (
    select
        'orders' as mart,
        'payment_code' as field,
        system,
        coalesce(payment_status_raw, '(none)') as value,
        count(*) as times,
        min(order_key) as example,
        min(first_seen_at) as since_at
    from {{ ref('live_orders') }}
    where payment_code = 'unknown' and gone_at is null
    group by system, value
    union all
    select
        'orders' as mart,
        'fulfilment_code' as field,
        system,
        coalesce(fulfilment_status_raw, '(none)') as value,
        count(*) as times,
        min(order_key) as example,
        min(first_seen_at) as since_at
    from {{ ref('live_orders') }}
    where fulfilment_code = 'unknown' and gone_at is null
    group by system, value
    union all
    select
        'warehouse_orders' as mart,
        'status_code' as field,
        system,
        coalesce(status_raw, '(none)') as value,
        count(*) as times,
        min(warehouse_order_key) as example,
        min(first_seen_at) as since_at
    from {{ ref('orders_at_warehouse') }}
    where status_code = 'unknown' and gone_at is null
    group by system, value
    union all
    select
        'erp_records',
        'status_code',
        system,
        coalesce(status_raw, '(none)') as value,
        count(*),
        min(erp_order_key),
        min(first_seen_at)
    from {{ ref('erp_book') }}
    where status_code = 'unknown' and gone_at is null
    group by system, value
    union all
    select
        'fulfilment_orders',
        'status_code',
        system,
        '(see the record)',
        count(*),
        min(fulfilment_order_key),
        min(created_at)
    from {{ ref('fulfilment_orders') }}
    where status_code = 'unknown'
    group by system
    union all
    select
        'fulfilments',
        'status_code',
        system,
        '(see the record)',
        count(*),
        min(fulfilment_key),
        min(created_at)
    from {{ ref('fulfilments') }}
    where status_code = 'unknown'
    group by system
    union all
    select
        'payments',
        'status_code',
        system,
        '(see the record)',
        count(*),
        min(payment_key),
        min(processed_at)
    from {{ ref('payments') }}
    where status_code = 'unknown'
    group by system
    union all
    select
        'warehouse_returns',
        'status_code',
        system,
        '(see the record)',
        count(*),
        min(return_key),
        min(created_at)
    from {{ ref('warehouse_returns') }}
    where status_code = 'unknown'
    group by system
),

candidates as (
    select
        'set_aside:' || system || ':' || stream || ':' || coalesce(record_key, pull_id || '#' || line_no) as exception_key,
        'set_aside' as cause,
        system,
        system || ':' || stream || ':' || coalesce(record_key, pull_id || '#' || line_no) as entity_key,
        min(set_aside_at) as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        stream || ': ' || left(max(reason), 200) as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ source('ops', 'set_aside') }}
    where is_open
    group by system, stream, coalesce(record_key, pull_id || '#' || line_no)

    union all

    select
        'unseen:' || system || ':' || stream || ':' || path || ':' || coalesce(example, ''),
        'unseen_value',
        system,
        system || ':' || stream || ':' || path,
        first_seen_at,
        null,
        null,
        stream || '.' || path || ' is ' || left(coalesce(example, ''), 60),
        null,
        null,
        null
    from {{ source('ops', 'unseen') }}
    where kind = 'value'

    union all

    select
        'unknown:' || system || ':' || mart || ':' || field || ':' || value,
        'unknown_status',
        system,
        example,
        coalesce(since_at, {{ as_of() }}),
        null,
        null,
        mart || '.' || field || ' from ' || left(value, 60) || ', ' || times || ' records, such as ' || example,
        null,
        null,
        null
    from unknown_states
),

{{ when_due('candidates') }}
