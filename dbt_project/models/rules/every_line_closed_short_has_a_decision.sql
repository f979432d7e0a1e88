-- What a warehouse will not send and nobody has decided about: neither sent again, nor given back, nor taken off with the
-- customer's money put right. Releasing its stock (cancellations_to_channel) is no decision: the customer still paid.
with undecided as (
    select
        s.*,
        o.system as channel,
        o.order_name,
        o.currency,
        o.url,
        -- What was taken and is for nothing the order still holds.
        coalesce(o.captured_amount, 0) - coalesce(o.refunded_amount, 0)
        - case when o.cancelled_at is null then coalesce(o.current_total_amount, o.total_amount) else 0 end as owed_amount,
        o.cancelled_at is not null or s.taken_off_qty >= s.short_qty as is_off
    from {{ ref('short_units') }} as s
    inner join {{ ref('live_orders') }} as o on o.order_key = s.order_key
    where not coalesce(o.is_test, false) and o.gone_at is null and s.refunded_qty < s.short_qty
),

candidates as (
    select
        warehouse_order_key as exception_key,
        case when bool_and(is_off) then 'owed' else 'no_decision' end as cause,
        channel as system,
        order_key as entity_key,
        min(closed_at) as since_at,
        case when bool_and(is_off) then any_value(owed_amount) end as amount,
        any_value(currency) as currency,
        any_value(order_name) || ': ' || string_agg(short_qty || ' x ' || sku, ', ' order by sku) as detail,
        any_value(url) as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from undecided
    where not is_off or owed_amount > 0
    group by warehouse_order_key, channel, order_key
),

{{ when_due('candidates') }}
