-- Orders that wait for a person: each with the one cause that must be mended first. Nothing of them is sent meanwhile, and
-- they go by themselves once it is. An item that was ordered before the warehouse's catalogue was read again may have come
-- into it since: the order waits, and nobody is told yet. What we saw stand in the warehouse is held by nothing, though its
-- list may not have been read since, and its units be gone from the free stock.
with catalogue_readings as ({{ catalogue_readings() }}),

found as (
    select distinct business_key
    from {{ source('ops', 'operations') }}
    where sync = 'orders_to_wms' and state = 'verified'
),

candidates as (
    select
        r.business_key as exception_key,
        case when r.held_by = 'awaiting_payment' then 'unpaid_past_window' else r.held_by end as cause,
        r.system,
        r.order_key as entity_key,
        case r.held_by
            when 'awaiting_payment' then r.placed_at
            when 'promised_day_passed' then greatest(r.ready_at, {{ start_of_day('r.promised_on + 1') }})
            else r.ready_at
        end as since_at,
        r.total_amount as amount,
        r.currency,
        r.order_name || coalesce(': ' || r.held_detail, '') as detail,
        o.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ ref('releases') }} as r
    inner join {{ ref('live_orders') }} as o on o.order_key = r.order_key
    left join catalogue_readings as k
        on k.warehouse_system = r.warehouse_system and k.channel_system = r.system
    where
        r.business_key not in (select f.business_key from found as f)
        and (
            r.held_by in (
                'unmapped_delivery_option', 'unmapped_facility', 'bad_address', 'no_free_stock', 'currency', 'quantity',
                'promised_day_passed', 'reference_taken', 'unmapped_tax_code'
            )
            or (r.held_by = 'unknown_sku' and coalesce(r.placed_at <= k.known_to, true))
            or (
                r.held_by = 'awaiting_payment'
                and r.payment_code in ('pending', 'authorised', 'part_captured', 'expired')
            )
        )
),

{{ when_due('candidates') }}
