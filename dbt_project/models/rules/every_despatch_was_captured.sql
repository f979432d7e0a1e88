-- Goods that left and whose money was never taken.
with candidates as (
    select
        o.order_key as exception_key,
        case
            when o.payment_code = 'part_captured' then 'part_captured'
            when o.payment_code in ('voided', 'expired') then 'payment_lost'
            else 'not_captured'
        end as cause,
        o.system,
        o.order_key as entity_key,
        min(s.despatched_at) as since_at,
        any_value(o.total_amount - coalesce(o.captured_amount, 0)) as amount,
        any_value(o.currency) as currency,
        any_value(o.order_name || ' is ' || o.payment_code) as detail,
        any_value(o.url) as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ ref('order_book') }} as o
    inner join {{ ref('parcels') }} as s on s.order_key = o.order_key
    where
        o.payment_code in ('pending', 'authorised', 'part_captured', 'voided', 'expired')
        and o.total_amount > coalesce(o.captured_amount, 0)
        and not coalesce(o.is_test, false)
    group by o.order_key, o.payment_code, o.system
),

{{ when_due('candidates') }}
