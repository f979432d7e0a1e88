-- Parcels a customer cannot follow: no number, no carrier, a carrier the channel has no name for, or one whose number or
-- carrier we told the channel of and somebody took away there.
with suspect as (
    select *
    from {{ ref('parcels') }} as s
    where
        s.order_key is not null
        and (
            s.number is null
            or not exists (
                select 1
                from {{ ref('carriers') }} as k
                where k.warehouse_system = s.system and k.carrier = s.carrier
            )
            or (select count(*) from {{ source('estate', 'channels') }}) > 1
        )
),

candidates as (
    select
        s.shipment_key as exception_key,
        case
            when s.number is null then 'no_tracking'
            when s.carrier is null then 'no_carrier'
            else 'unmapped_carrier'
        end as cause,
        s.system,
        s.order_key as entity_key,
        s.despatched_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        o.order_name || ': parcel ' || s.shipment_id || coalesce(' by ' || s.carrier, '') as detail,
        s.url,
        null::timestamptz as ended_at,
        s.facility
    from suspect as s
    inner join {{ ref('order_book') }} as o on o.order_key = s.order_key
    left join {{ ref('carriers') }} as k
        on k.warehouse_system = s.system and k.carrier = s.carrier and k.channel_system = o.system
    where s.number is null or k.channel_carrier is null
    union all
    select
        s.shipment_key || '@' || f.fulfilment_id,
        case when len(f.tracking_numbers) = 0 then 'number_removed' else 'carrier_removed' end,
        f.system,
        f.order_key,
        f.updated_at,
        null,
        null,
        o.order_name || ': parcel ' || s.shipment_id || ' in the shop',
        f.url,
        null,
        s.facility
    from {{ source('ops', 'operations') }} as p
    inner join {{ ref('fulfilments') }} as f on f.system = p.system and f.fulfilment_id = p.target_ref
    inner join {{ ref('order_book') }} as o on o.order_key = f.order_key
    inner join {{ ref('parcels') }} as s on s.shipment_key = split_part(p.business_key, '/', 1)
    where
        p.sync = 'shipments_to_channel'
        and p.state = 'verified'
        and f.status_code = 'success'
        and f.updated_at >= p.sent_at
        and s.number is not null
        and (len(f.tracking_numbers) = 0 or f.carrier is null)
),

{{ when_due('candidates') }}
