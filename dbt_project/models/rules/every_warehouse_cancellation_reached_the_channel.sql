-- What a warehouse will not send and the shop still promises: orders it cancelled, and orders it closed with lines unsent.
with promised as (
    select
        order_key,
        warehouse_sku,
        sum(qty) as qty
    from {{ ref('units_to_send') }}
    group by order_key, warehouse_sku
),

live as (
    select distinct order_key
    from {{ ref('orders_at_warehouse') }}
    where
        status_code in ('awaiting_payment', 'awaiting_stock', 'on_hold', 'released', 'picking', 'merged', 'unknown')
        and gone_at is null
),

ended as (
    select wo.*
    from {{ ref('orders_at_warehouse') }} as wo
    where
        wo.status_code in ('cancelled', 'shipped')
        and wo.order_key in (select order_key from promised)
        and wo.order_key not in (select order_key from live where order_key is not null)
),

-- Of an order that shipped, only what was left out of it; parcels on their way to the channel are not missing.
short as (
    select
        e.warehouse_order_key,
        sum(least(l.qty - l.shipped_qty, p.qty)) as qty,
        string_agg(distinct l.sku, ', ' order by l.sku) as skus
    from ended as e
    inner join {{ ref('unsent_lines') }} as l on l.warehouse_order_key = e.warehouse_order_key
    inner join promised as p on p.order_key = e.order_key and p.warehouse_sku = l.sku
    group by e.warehouse_order_key
),

-- An order sent again after it was cancelled is answered by the one that shipped.
answered as (
    select distinct order_key
    from ended
    where status_code = 'shipped'
),

candidates as (
    select
        e.warehouse_order_key as exception_key,
        case when e.status_code = 'cancelled' then 'cancelled_in_warehouse' else 'closed_short' end as cause,
        e.system,
        e.order_key as entity_key,
        coalesce(e.cancelled_at, e.shipped_at, e.updated_at) as since_at,
        o.total_amount as amount,
        o.currency,
        o.order_name || case when s.skus is not null then ': ' || s.skus else '' end as detail,
        o.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from ended as e
    inner join {{ ref('live_orders') }} as o on o.order_key = e.order_key
    left join short as s on s.warehouse_order_key = e.warehouse_order_key
    where
        (e.status_code = 'shipped' and s.qty > 0)
        or (e.status_code = 'cancelled' and e.order_key not in (select order_key from answered))
),

{{ when_due('candidates') }}
