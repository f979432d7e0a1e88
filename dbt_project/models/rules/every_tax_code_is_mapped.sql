-- A channel's tax that has no code in the ledger, found on the order and before anything is posted: one row per tax, with
-- the orders that carry it and their worth. Lines without any tax have nothing to map.
with mapped as (
    select
        system,
        tax_code
    from {{ ref('tax_codes') }}
    where coalesce(trim(ledger_code), '') <> ''
),

taxed as (
    select
        l.system,
        u.tax_code,
        l.order_key,
        o.order_name,
        o.placed_at,
        o.currency,
        o.url,
        l.unit_price_amount * l.current_qty - coalesce(l.discount_amount, 0) as amount
    from {{ ref('order_line_book') }} as l
    inner join {{ ref('order_book') }} as o on o.order_key = l.order_key
    cross join unnest(string_split(l.tax_code, ' + ')) as u (tax_code)
    where
        l.tax_code is not null
        and l.current_qty > 0
        and o.cancelled_at is null
        and o.gone_at is null
        and not coalesce(o.is_test, false)
        and o.payment_code <> 'voided'
        and l.system in (select system from {{ source('estate', 'channels') }})
        and (l.system, u.tax_code) not in (select (system, tax_code) from mapped)
),

candidates as (
    select
        system || ':' || tax_code as exception_key,
        'unmapped_tax' as cause,
        system,
        arg_min(order_key, placed_at) as entity_key,
        min(placed_at) as since_at,
        case when count(distinct currency) = 1 then sum(amount) end as amount,
        case when count(distinct currency) = 1 then any_value(currency) end as currency,
        tax_code || ' on ' || count(distinct order_key) || ' orders, first ' || arg_min(order_name, placed_at) as detail,
        arg_min(url, placed_at) as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from taxed
    group by system, tax_code
),

{{ when_due('candidates') }}
