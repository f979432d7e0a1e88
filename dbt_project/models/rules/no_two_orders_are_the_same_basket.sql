-- Two orders of one known customer with the same SKUs, quantities and prices within the estate's window: a double click, or
-- a shop that took the order twice. A credit of the same amount to the same customer (or a cancellation of either) puts the
-- pair right: at or before the second order there never was a fault, after it the fault ended then.
with repeated as (
    select *
    from {{ ref('order_book') }}
    where
        customer_key is not null
        and basket_fingerprint is not null
        and not is_test
        and gone_at is null
        and twin_hash in (
            select twin_hash
            from {{ ref('order_book') }}
            group by twin_hash
            having count(*) > 1
        )
),

pairs as (
    select
        a.order_key as first_key,
        b.order_key as second_key,
        a.placed_at as first_at,
        b.placed_at as second_at,
        a.order_name as first_name,
        b.order_name as second_name,
        b.customer_key,
        b.system,
        b.total_amount,
        b.subtotal_amount,
        b.currency,
        b.url,
        least(a.cancelled_at, b.cancelled_at) as cancelled_at
    from repeated as a
    inner join repeated as b
        on b.twin_hash = a.twin_hash
        and b.customer_key = a.customer_key
        and b.basket_fingerprint = a.basket_fingerprint
        and (a.placed_at, a.order_key) < (b.placed_at, b.order_key)
        and b.placed_at <= a.placed_at + {{ setting_seconds('duplicate_window_s') }}
),

credits as (
    select
        p.first_key,
        p.second_key,
        min(r.refunded_at) as credited_at
    from pairs as p
    inner join {{ ref('order_book') }} as o on o.customer_key = p.customer_key
    inner join {{ ref('refunds') }} as r on r.order_key = o.order_key
    where
        r.refunded_at >= p.first_at
        and r.refunded_at <= p.second_at + to_days({{ var('duplicate_credit_days') }})
        and r.currency = p.currency
        and r.amount in (p.total_amount, p.subtotal_amount)
    group by p.first_key, p.second_key
),

judged as (
    select
        p.*,
        least(p.cancelled_at, c.credited_at) as ended_at
    from pairs as p
    left join credits as c on c.first_key = p.first_key and c.second_key = p.second_key
),

candidates as (
    select
        first_key || '+' || second_key as exception_key,
        'same_basket' as cause,
        system,
        second_key as entity_key,
        second_at as since_at,
        total_amount as amount,
        currency,
        second_name || ' repeats ' || first_name as detail,
        url,
        ended_at,
        null::varchar as facility
    from judged
    where ended_at is null or ended_at > second_at
),

{{ when_due('candidates') }}
