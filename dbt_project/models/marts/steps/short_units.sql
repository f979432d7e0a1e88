-- Units of an order that its warehouses gave up: of orders they cancelled, and of orders they closed with lines unsent,
-- once nothing of the order is under way there any more. What another of the order's records sent in their place is not
-- short, and what the channel never wanted is not either.
with live as (
    select distinct order_key
    from {{ ref('orders_at_warehouse') }}
    where
        order_key is not null
        and status_code in ('awaiting_payment', 'awaiting_stock', 'on_hold', 'released', 'picking', 'merged', 'unknown')
        and gone_at is null
),

closed as (
    select
        wo.order_key,
        wo.warehouse_order_key,
        wo.system,
        coalesce(wo.cancelled_at, wo.shipped_at, wo.updated_at) as closed_at,
        l.sku,
        l.qty - l.shipped_qty as unsent_qty
    from {{ ref('orders_at_warehouse') }} as wo
    inner join {{ ref('warehouse_lines') }} as l on l.warehouse_order_key = wo.warehouse_order_key
    where
        wo.status_code in ('cancelled', 'shipped')
        and l.qty > l.shipped_qty
        and wo.order_key not in (select order_key from live)
),

given_up as (
    select
        order_key,
        system,
        sku,
        sum(unsent_qty) as unsent_qty,
        max(closed_at) as closed_at,
        arg_max(warehouse_order_key, closed_at) as warehouse_order_key
    from closed
    group by order_key, system, sku
),

sent as (
    select
        n.order_key,
        l.sku,
        sum(l.shipped_qty) as shipped_qty
    from {{ ref('warehouse_names') }} as n
    inner join {{ ref('warehouse_line_book') }} as l on l.warehouse_order_key = n.warehouse_order_key
    where n.order_key in (select order_key from given_up)
    group by n.order_key, l.sku
),

-- What the channel's lines come to on a shelf: as placed, and less what was refunded before it left or taken off since.
wanted as (
    select
        g.order_key,
        g.system,
        g.sku,
        sum(ol.ordered_qty * coalesce(b.qty, 1)) as ordered_qty,
        sum((ol.ordered_qty - ol.current_qty) * coalesce(b.qty, 1)) as taken_off_qty,
        sum(coalesce(r.qty, 0) * coalesce(b.qty, 1)) as refunded_qty
    from given_up as g
    inner join {{ ref('live_lines') }} as ol on ol.order_key = g.order_key and ol.requires_shipping
    left join {{ ref('bundle_components') }} as b on b.parent_sku = ol.sku
    left join {{ ref('sku_names') }} as n
        on n.channel_system = ol.system
        and n.warehouse_system = g.system
        and n.channel_sku = coalesce(b.component_sku, ol.sku)
    left join (
        -- A refund that moved no money for what cost some has taken units off and given nothing back.
        select
            rl.order_line_key,
            sum(rl.qty) as qty
        from {{ ref('refund_lines') }} as rl
        inner join {{ ref('refunds') }} as rf on rf.refund_key = rl.refund_key
        where
            rl.restock_code <> 'return'
            and rl.order_key in (select order_key from given_up)
            and (rf.amount > 0 or coalesce(rl.amount, 0) = 0)
        group by rl.order_line_key
    ) as r on r.order_line_key = ol.order_line_key
    where coalesce(n.warehouse_sku, b.component_sku, ol.sku) = g.sku
    group by g.order_key, g.system, g.sku
)

select
    g.order_key,
    g.system,
    g.warehouse_order_key,
    g.closed_at,
    g.sku,
    least(g.unsent_qty, coalesce(w.ordered_qty - coalesce(s.shipped_qty, 0), g.unsent_qty))::bigint as short_qty,
    -- Of a line that an edit took away whole a shop may show nothing any more.
    coalesce(w.taken_off_qty, g.unsent_qty)::bigint as taken_off_qty,
    coalesce(w.refunded_qty, 0)::bigint as refunded_qty
from given_up as g
left join wanted as w on w.order_key = g.order_key and w.system = g.system and w.sku = g.sku
left join sent as s on s.order_key = g.order_key and s.sku = g.sku
where least(g.unsent_qty, coalesce(w.ordered_qty - coalesce(s.shipped_qty, 0), g.unsent_qty)) > 0
