-- Orders given back more for than was ever taken.
with given_back as (
    select
        order_key,
        sum(amount) as amount,
        min(currency) as currency,
        max(refunded_at) as refunded_at,
        count(*) as refunds
    from {{ ref('refunds') }}
    group by order_key
),

candidates as (
    select
        g.order_key as exception_key,
        'over_refunded' as cause,
        o.system,
        g.order_key as entity_key,
        g.refunded_at as since_at,
        g.amount - o.captured_amount as amount,
        g.currency,
        o.order_name || ' was given back ' || {{ shown_amount('g.amount') }} || ' ' || g.currency || ' in ' || g.refunds
        || ' refunds and took ' || {{ shown_amount('o.captured_amount') }} as detail,
        o.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from given_back as g
    inner join {{ ref('order_book') }} as o on o.order_key = g.order_key
    where g.amount > o.captured_amount and g.currency = o.currency
),

{{ when_due('candidates') }}
