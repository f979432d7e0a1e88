-- Orders a warehouse may pick although the channel's policy wants the money first. One that was paid meanwhile is a fault
-- that ended then. What a customer added after the release, and paid for then, was not released before.
with released_for as (
    select
        order_key,
        sum(amount) as amount
    from {{ source('ops', 'operations') }}
    where sync = 'orders_to_wms' and state not in ('held', 'withdrawn', 'superseded') and amount is not null
    group by order_key
),

candidates as (
    select
        wo.warehouse_order_key as exception_key,
        case when o.paid_at is null then 'not_paid' else 'paid_afterwards' end as cause,
        wo.system,
        o.order_key as entity_key,
        wo.created_at as since_at,
        o.total_amount as amount,
        o.currency,
        o.order_name || ' is ' || o.payment_code || ' in the shop and ' || wo.status_code || ' in the warehouse' as detail,
        wo.url,
        o.paid_at as ended_at,
        null::varchar as facility
    from {{ ref('orders_at_warehouse') }} as wo
    inner join {{ ref('live_orders') }} as o on o.order_key = wo.order_key
    inner join {{ source('estate', 'channels') }} as c on c.system = o.system and c.release_policy = 'after_capture'
    left join released_for as r on r.order_key = wo.order_key
    where
        wo.status_code in ('awaiting_stock', 'on_hold', 'released', 'picking', 'shipped')
        and wo.gone_at is null
        and (
            (o.paid_at is null and o.payment_code in ('pending', 'authorised', 'part_captured', 'voided', 'expired'))
            or (
                o.paid_at > wo.created_at + to_seconds({{ var('clock_skew_s') }})
                and coalesce(
                    (
                        select sum(p.amount)
                        from {{ ref('payments') }} as p
                        where
                            p.order_key = o.order_key
                            and p.kind_code in ('sale', 'capture')
                            and p.status_code = 'success'
                            and p.processed_at <= wo.created_at + to_seconds({{ var('clock_skew_s') }})
                    ), 0
                ) < coalesce(r.amount, o.total_amount)
            )
        )
),

{{ when_due('candidates') }}
