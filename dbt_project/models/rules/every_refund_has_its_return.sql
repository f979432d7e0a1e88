-- Money given back for goods that were sent and should have come back, and have not. Goodwill (no lines, or no goods
-- asked for) and what was refunded before it left are no faults.
with due as (
    select
        rl.refund_key,
        rl.order_key,
        rl.order_line_key,
        rl.sku,
        rl.qty,
        rl.amount,
        rl.restock_code,
        r.system,
        r.refunded_at,
        r.currency
    from {{ ref('refund_lines') }} as rl
    inner join {{ ref('refunds') }} as r on r.refund_key = rl.refund_key
    where rl.restock_code = 'return' or (rl.restock_code = 'none' and r.return_id is not null)
),

sent as (
    select
        d.refund_key,
        d.order_line_key,
        sum(f.qty) as qty
    from due as d
    inner join {{ ref('told_units') }} as f on f.order_line_key = d.order_line_key
    where f.status_code = 'success' and f.created_at <= d.refunded_at
    group by d.refund_key, d.order_line_key
),

-- In what a shelf holds, one refund after the other: what came back counts for the earliest first.
units as (
    select
        d.*,
        coalesce(b.component_sku, d.sku) as component_sku,
        sum(least(d.qty, s.qty) * coalesce(b.qty, 1)) over (
            partition by d.order_key, coalesce(b.component_sku, d.sku)
            order by d.refunded_at, d.refund_key, d.order_line_key
            rows between unbounded preceding and current row
        ) as due_qty
    from due as d
    inner join sent as s on s.refund_key = d.refund_key and s.order_line_key = d.order_line_key
    left join {{ ref('bundle_components') }} as b on b.parent_sku = d.sku
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
        case when u.restock_code = 'return' then 'not_received' else 'return_overdue' end as cause,
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
    group by u.refund_key, u.order_line_key, u.restock_code, u.system, u.order_key, u.refunded_at, u.amount, u.currency,
        o.order_name, o.url
),

{{ when_due('candidates') }}
