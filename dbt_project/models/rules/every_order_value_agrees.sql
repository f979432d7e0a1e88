-- The channel's order against the same order in the system that owns finance, to the minor unit, in the same currency.
--
-- An order's value is what its lines, delivery and tax come to as they stand after edits. A refund is a posting of its
-- own: it lowers the value only where it came before the order did, and goodwill, which is for no line, never. The parts
-- of a split order are summed. Books that tell no currency have none to disagree about. What is cancelled, merged into another, or not wholly there yet is not compared: the books of a
-- warehouse have an order as its parts are released there, an ERP that runs no facility takes it from the shop whole, and
-- what is paid and not there is not booked. Once said, a difference stands until it is gone: a later touch of either side is
-- no news.
with booked as (
    select
        order_key,
        system,
        role,
        sum(total_amount) as total_amount,
        min(currency) as currency,
        count(distinct currency) as currencies,
        count(*) as records,
        count(distinct reference) < count(*) as is_doubled,
        max(created_at) as created_at,
        max(updated_at) as updated_at,
        arg_max(url, created_at) as url,
        bool_or(status_code in ('cancelled', 'merged', 'unknown')) as is_changed
    from {{ ref('booked_orders') }}
    where order_key is not null
    group by order_key, system, role
),

given_back as (
    select
        r.order_key,
        b.system,
        sum(case
            when r.amount = 0 and r.adjustment_amount = 0 then coalesce(l.amount, 0)
            else r.amount - r.adjustment_amount
        end) as amount
    from {{ ref('refunds') }} as r
    inner join booked as b on b.order_key = r.order_key and r.refunded_at > b.created_at
    left join (
        select
            refund_key,
            sum(amount) as amount
        from {{ ref('refund_lines') }}
        group by refund_key
    ) as l on l.refund_key = r.refund_key
    group by r.order_key, b.system
),

erps as (
    select
        e.system,
        min(e.created_at) as begun_at
    from {{ ref('erp_book') }} as e
    where e.system in (select t.system from {{ source('estate', 'truth') }} as t where t.entity = 'finance')
    group by e.system
),

standing as (
    select
        exception_key,
        min(since_at) as since_at
    from {{ source('ops', 'exceptions') }}
    where rule = '{{ model.name }}' and state <> 'closed'
    group by exception_key
),

compared as (
    select
        o.order_key,
        o.order_name,
        o.url,
        o.currency,
        o.updated_at,
        b.system,
        b.records,
        b.total_amount as booked_amount,
        b.currency as booked_currency,
        b.currencies,
        greatest(o.updated_at, b.updated_at) as since_at,
        (o.current_total_amount + coalesce(g.amount, 0))::decimal(18, 4) as value_amount
    from booked as b
    inner join {{ ref('order_book') }} as o on o.order_key = b.order_key
    left join given_back as g on g.order_key = b.order_key and g.system = b.system
    where
        not b.is_changed
        and o.cancelled_at is null
        and o.gone_at is null
        and not coalesce(o.is_test, false)
        and o.current_total_amount is not null
        and (b.role <> 'warehouse' or (
            o.order_key not in (select order_key from {{ ref('releases') }})
            -- One order twice over is not of another value (no_order_is_in_the_warehouse_twice, which knows no ERP's).
            and not b.is_doubled
        ))
),

differing as (
    select
        order_key || '@' || system as exception_key,
        case when currencies > 1 or booked_currency <> currency then 'currency' else 'value' end as cause,
        system,
        order_key as entity_key,
        since_at,
        (booked_amount - value_amount)::decimal(18, 4) as amount,
        currency,
        order_name || ': ' || value_amount || ' ' || coalesce(currency, '?') || ' in the shop, ' || booked_amount || ' '
        || coalesce(booked_currency, '?') || ' booked' || case when records > 1 then ' in ' || records || ' parts' else '' end
            as detail,
        url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from compared
    where
        currencies > 1
        or booked_currency <> currency
        or round(booked_amount * {{ minor_units('currency') }}) <> round(value_amount * {{ minor_units('currency') }})

    union all

    select
        o.order_key || '@' || e.system,
        'not_booked',
        e.system,
        o.order_key,
        greatest(o.placed_at, coalesce(o.paid_at, o.placed_at)),
        -o.current_total_amount,
        o.currency,
        o.order_name || ': ' || o.current_total_amount || ' ' || coalesce(o.currency, '?') || ' in the shop, not booked',
        o.url,
        null,
        null
    from {{ ref('order_book') }} as o
    inner join erps as e on o.placed_at >= e.begun_at
    where
        o.payment_code in ('captured', 'part_refunded')
        and o.current_total_amount > 0
        and o.cancelled_at is null
        and o.gone_at is null
        and not coalesce(o.is_test, false)
        and not exists (
            select 1 from {{ ref('erp_book') }} as b
            where b.system = e.system and b.base_reference = o.order_name and b.gone_at is null
        )
),

candidates as (
    select d.* replace (coalesce(least(d.since_at, s.since_at), d.since_at) as since_at)
    from differing as d
    left join standing as s on s.exception_key = d.exception_key
),

{{ when_due('candidates') }}
