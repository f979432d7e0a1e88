-- The channel's order against the same order in the system that owns finance, to the minor unit, in the same currency.
--
-- An order's value is what its lines, delivery and tax come to as they stand after edits. A refund is a posting of its
-- own: it lowers the value only where it came before the order did, and goodwill, which is for no line, never. The parts
-- of a split order are summed. What is cancelled, merged into another, or not wholly there yet is not compared.
with finance as (
    select distinct system
    from {{ source('estate', 'truth') }}
    where entity = 'finance'
),

booked as (
    select
        n.order_key,
        w.system,
        sum(w.total_amount) as total_amount,
        min(w.currency) as currency,
        count(distinct w.currency) as currencies,
        count(*) as records,
        max(w.created_at) as created_at,
        max(w.updated_at) as updated_at,
        arg_max(w.url, w.created_at) as url,
        bool_or(w.status_code in ('cancelled', 'merged', 'unknown')) as is_changed
    from {{ ref('warehouse_book') }} as w
    inner join {{ ref('warehouse_names') }} as n on n.warehouse_order_key = w.warehouse_order_key
    where w.system in (select system from finance) and w.gone_at is null and n.order_key is not null
    group by n.order_key, w.system
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
        and o.order_key not in (select order_key from {{ ref('releases') }})
        -- One order twice over is not of another value (no_order_is_in_the_warehouse_twice).
        and (b.records = 1 or b.order_key not in (
            select n.order_key
            from {{ ref('warehouse_book') }} as w
            inner join {{ ref('warehouse_names') }} as n on n.warehouse_order_key = w.warehouse_order_key
            where w.system in (select system from finance) and w.gone_at is null and n.order_key is not null
            group by n.order_key, w.reference
            having count(*) > 1
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
