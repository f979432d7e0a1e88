-- Parcels that left and whose number the channel does not show; and, where customers are told at the first scan, those
-- nobody told. A parcel that holds only a part of a bundle is told with the parcel that completes it.
with ours as (
    select
        split_part(business_key, '/', 1) as shipment_key,
        max(closed_at) filter (where act = 'fulfil' and state = 'verified') as verified_at,
        bool_or(act = 'fulfil' and state = 'verified' and (sent ->> '$.notify') = 'false') as is_silent
    from {{ source('ops', 'operations') }}
    where sync = 'shipments_to_channel'
    group by 1
),

notified as (
    select distinct business_key
    from {{ source('ops', 'operations') }}
    where sync = 'shipments_to_channel' and act = 'notify' and state in ('verified', 'adopted')
),

parts_only as (
    select shipment_key
    from {{ ref('parcels_to_tell') }}
    group by shipment_key
    having max(own_qty) = 0
),

open_orders as (
    select distinct order_key
    from {{ ref('lines_to_send') }}
),

suspect as (
    select
        s.*,
        coalesce(p.is_silent, false) as is_silent,
        p.verified_at
    from {{ ref('parcels') }} as s
    left join ours as p on p.shipment_key = s.shipment_key
    where s.order_key is not null and s.number is not null and (not s.is_told or p.is_silent)
),

judged as (
    select
        s.*,
        o.order_name,
        o.total_amount,
        o.currency,
        w.order_key is not null as is_open,
        -- This channel is not told of the parcel before its first scan, as it would tell the customer.
        t.system is not null and c.notify_policy = 'on_first_scan' as waits_for_scan,
        -- What the shop moved while its list was read is seen by the next reading: gone is what that one lacks.
        s.verified_at < o.stamped_at as is_read_since
    from suspect as s
    inner join {{ ref('order_book') }} as o on o.order_key = s.order_key
    inner join {{ ref('carriers') }} as k
        on k.warehouse_system = s.system and k.carrier = s.carrier and k.channel_system = o.system
    left join {{ source('estate', 'channels') }} as c on c.system = o.system
    left join {{ source('estate', 'systems') }} as t
        on t.system = o.system and t.tells_customers
    left join open_orders as w on w.order_key = s.order_key
    where
        o.cancelled_at is null
        and not coalesce(o.is_test, false)
        and (not s.is_told or c.notify_policy = 'on_first_scan')
),

candidates as (
    select
        shipment_key as exception_key,
        case
            when not is_told and waits_for_scan and first_scan_at is null then 'never_scanned'
            when not is_told and is_read_since then 'vanished_from_target'
            when not is_told and is_open then 'not_at_channel'
            when not is_told then 'number_not_at_channel'
            when first_scan_at is null then 'never_scanned'
            else 'customer_not_told'
        end as cause,
        system,
        order_key as entity_key,
        case
            when not is_told
                then greatest(despatched_at, coalesce(verified_at, despatched_at), case when waits_for_scan then first_scan_at end)
            else coalesce(first_scan_at, despatched_at)
        end as since_at,
        total_amount as amount,
        currency,
        order_name || ': parcel ' || shipment_id as detail,
        url,
        null::timestamptz as ended_at,
        facility
    from judged
    where
        (not is_told and shipment_key not in (select shipment_key from parts_only))
        or (is_told and is_silent and shipment_key || ':scan' not in (select business_key from notified))
),

{{ when_due('candidates') }}
