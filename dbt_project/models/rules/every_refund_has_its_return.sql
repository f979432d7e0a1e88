-- Money given back for goods that were sent, and the goods have not come back. Goodwill (for no line) and what was refunded
-- before it left are no faults: of a line that was sent in part, its unsent units are refunded first.
with given_back as (
    select
        rl.refund_key,
        rl.order_key,
        rl.order_line_key,
        rl.sku,
        rl.qty,
        rl.amount,
        rl.restock_code,
        r.system,
        r.return_id,
        r.refunded_at,
        r.currency
    from {{ ref('refund_lines') }} as rl
    inner join {{ ref('refunds') }} as r on r.refund_key = rl.refund_key
),

cancelled as (
    select
        order_line_key,
        sum(qty) as qty
    from given_back
    where restock_code = 'cancel'
    group by order_line_key
),

told as (
    select
        d.refund_key,
        d.order_line_key,
        sum(f.qty) as qty
    from given_back as d
    inner join {{ ref('told_units') }} as f on f.order_line_key = d.order_line_key
    where d.restock_code <> 'cancel' and f.status_code = 'success' and f.created_at <= d.refunded_at
    group by d.refund_key, d.order_line_key
),

due as (
    select
        d.*,
        least(
            d.qty,
            case
                when d.restock_code = 'return' or d.return_id is not null then t.qty
                else greatest(0, t.qty + d.qty - (ol.ordered_qty - coalesce(c.qty, 0)))
            end
        ) as back_qty
    from given_back as d
    inner join told as t on t.refund_key = d.refund_key and t.order_line_key = d.order_line_key
    inner join {{ ref('live_lines') }} as ol on ol.order_line_key = d.order_line_key
    left join cancelled as c on c.order_line_key = d.order_line_key
    where d.restock_code <> 'cancel'
),

-- In what a shelf holds, one refund after the other: what came back counts for the earliest first.
units as (
    select
        d.*,
        coalesce(b.component_sku, d.sku) as component_sku,
        sum(d.back_qty * coalesce(b.qty, 1)) over (
            partition by d.order_key, coalesce(b.component_sku, d.sku)
            order by d.refunded_at, d.refund_key, d.order_line_key
            rows between unbounded preceding and current row
        ) as due_qty
    from due as d
    left join {{ ref('bundle_components') }} as b on b.parent_sku = d.sku
    where d.back_qty > 0
),

back as (
    select
        r.order_key,
        coalesce(n.channel_sku, l.sku) as sku,
        sum(l.received_qty) as qty
    from {{ ref('warehouse_returns') }} as r
    inner join {{ ref('warehouse_return_lines') }} as l on l.return_key = r.return_key
    left join {{ ref('live_orders') }} as o on o.order_key = r.order_key
    left join {{ ref('sku_names') }} as n
        on n.warehouse_system = r.system and n.channel_system = o.system and n.warehouse_sku = l.sku
    where r.order_key in (select order_key from due)
    group by 1, 2
),

candidates as (
    select
        u.refund_key || ':' || u.order_line_key as exception_key,
        case
            when u.restock_code = 'return' then 'not_received'
            when u.return_id is not null then 'return_overdue'
            else 'nothing_came_back'
        end as cause,
        u.system,
        u.order_key as entity_key,
        u.refunded_at as since_at,
        u.amount,
        u.currency,
        o.order_name || ': '
        || string_agg(u.component_sku || ' due ' || u.due_qty || ', back ' || coalesce(k.qty, 0), '; ' order by u.component_sku)
            as detail,
        o.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from units as u
    inner join {{ ref('live_orders') }} as o on o.order_key = u.order_key
    left join back as k on k.order_key = u.order_key and k.sku = u.component_sku
    where u.due_qty > coalesce(k.qty, 0)
    group by u.refund_key, u.order_line_key, u.restock_code, u.return_id, u.system, u.order_key, u.refunded_at, u.amount, u.currency,
        o.order_name, o.url
),

{{ when_due('candidates') }}
