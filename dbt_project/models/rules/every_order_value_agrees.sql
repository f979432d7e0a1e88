-- The channel's order against the same order in the system that owns finance, to the minor unit, in the same currency.
--
-- An order's value is what its lines, delivery and tax come to as they stand after edits. A refund is a posting of its
-- own: it lowers the value only where it came before the order did, and goodwill, which is for no line, never. The parts
-- of a split order are summed. What is cancelled, merged into another, or not wholly there yet is not compared: the books of a
-- warehouse have an order as its parts are released there, an ERP that runs no facility takes it from the shop whole.
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

candidates as (
    select
        order_key || '@' || system as exception_key,
        case when currencies > 1 or booked_currency is distinct from currency then 'currency' else 'value' end as cause,
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
        or booked_currency is distinct from currency
        or round(booked_amount * {{ minor_units('currency') }}) <> round(value_amount * {{ minor_units('currency') }})
),

{{ when_due('candidates') }}
