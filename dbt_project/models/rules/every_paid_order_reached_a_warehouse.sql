-- Parts of orders that may go and are not in the warehouse; orders the shop made no fulfilment order for; and what we saw
-- stand in the warehouse once and is there no longer: sent and found, or in a reading of it, whoever sent it and however
-- far our own sending had come.
with still_wanted as (
    select distinct order_key
    from {{ ref('lines_to_send') }}
),

meant as (
    select
        op.business_key,
        op.order_key,
        coalesce(op.closed_at, op.sent_at, op.planned_at) as known_at,
        op.reference,
        op.state = 'verified' as was_found
    from {{ source('ops', 'operations') }} as op
    inner join still_wanted as s on s.order_key = op.order_key
    where op.sync = 'orders_to_wms'
),

behind_another_writer as (
    select business_key
    from {{ source('ops', 'operations') }}
    where sync = 'orders_to_wms' and state = 'held' and starts_with(reason, 'previous_writer')
),

candidates as (
    select
        r.business_key as exception_key,
        case
            when
                coalesce(s.mode, 'off') = 'live'
                and r.placed_at >= coalesce(s.from_at, r.placed_at)
                and r.business_key not in (select b.business_key from behind_another_writer as b)
                then 'not_in_warehouse'
            else 'not_ours_to_send'
        end as cause,
        r.system,
        r.order_key as entity_key,
        r.ready_at as since_at,
        r.total_amount as amount,
        r.currency,
        r.order_name || coalesce(' for ' || r.facility, '') as detail,
        o.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ ref('releases') }} as r
    inner join {{ ref('live_orders') }} as o on o.order_key = r.order_key
    left join {{ source('estate', 'syncs') }} as s on s.sync = 'orders_to_wms'
    where
        r.is_payable
        and r.held_by is null
        and not exists (select 1 from meant as m where m.business_key = r.business_key and m.was_found)

    union all

    select
        o.order_key,
        'no_fulfilment_order',
        o.system,
        o.order_key,
        greatest(o.placed_at, coalesce(o.paid_at, o.placed_at)),
        o.total_amount,
        o.currency,
        o.order_name || ' is paid and no location was asked to send it',
        o.url,
        null,
        null
    from {{ ref('live_orders') }} as o
    where
        o.fulfilment_code in ('unfulfilled', 'part_fulfilled')
        and o.payment_code in ('captured', 'part_refunded')
        and o.cancelled_at is null
        and o.gone_at is null
        and not coalesce(o.is_test, false)
        and not exists (select 1 from {{ ref('fulfilment_orders') }} as fo where fo.order_key = o.order_key)
        and exists (
            select 1
            from {{ ref('live_lines') }} as ol
            where ol.order_key = o.order_key and ol.current_qty > 0 and ol.requires_shipping
        )

    union all

    select
        m.business_key,
        'vanished_from_target',
        o.system,
        m.order_key,
        greatest(m.known_at, coalesce(max(wo.gone_at), m.known_at)),
        o.total_amount,
        o.currency,
        m.reference || ' was in the warehouse and is there no longer',
        o.url,
        null,
        null
    from meant as m
    inner join {{ ref('live_orders') }} as o on o.order_key = m.order_key
    left join {{ ref('warehouse_book') }} as wo on wo.reference = m.reference
    group by m.business_key, m.order_key, m.known_at, m.was_found, m.reference, o.system, o.total_amount, o.currency, o.url
    having
        count(wo.warehouse_order_key) = count(wo.gone_at)
        and (m.was_found or count(wo.warehouse_order_key) > 0)
),

{{ when_due('candidates') }}
