-- Orders that wait for a person: each with the one cause that must be mended first. Nothing of them is sent meanwhile, and
-- they go by themselves once it is. An item that was ordered before the warehouse's catalogue was read again may have come
-- into it since: the order waits, and nobody is told yet.
with catalogue_readings as ({{ catalogue_readings() }}),

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
        r.held_by in (
            'unmapped_delivery_option', 'unmapped_facility', 'bad_address', 'no_free_stock', 'currency', 'quantity',
            'promised_day_passed', 'reference_taken', 'unmapped_tax_code'
        )
        or (r.held_by = 'unknown_sku' and coalesce(r.placed_at <= k.known_to, true))
        or (r.held_by = 'awaiting_payment' and r.payment_code in ('pending', 'authorised', 'part_captured', 'expired'))
),

{{ when_due('candidates') }}
