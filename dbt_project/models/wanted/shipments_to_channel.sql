-- Parcels a channel should know and does not, in the channel's own order lines: one row per parcel, or several where a
-- parcel has more lines than one call may carry. And, where customers are told at the first scan, the telling; a channel
-- that cannot keep a shipment from its customer is not told of the parcel before.
-- Units of a line, parcel by parcel, laid along what its fulfilment orders still have open.
with asked as (
    select
        *,
        sum(untold_qty) over (
            partition by order_key, location_id, order_line_key order by despatched_at, shipment_key
            rows between unbounded preceding and current row
        ) as to_qty
    from {{ ref('parcels_to_tell') }}
    where own_qty > 0
),

open_lines as (
    select
        fol.order_line_key,
        fol.location_id,
        fol.fulfilment_order_id,
        fol.fulfilment_order_line_id,
        fol.sku,
        fol.remaining_qty,
        sum(fol.remaining_qty) over (
            partition by fol.order_line_key, fol.location_id order by fol.fulfilment_order_id, fol.fulfilment_order_line_id
            rows between unbounded preceding and current row
        ) as to_qty
    from {{ ref('fulfilment_order_lines') }} as fol
    inner join {{ ref('fulfilment_orders') }} as fo on fo.fulfilment_order_key = fol.fulfilment_order_key
    where
        fol.remaining_qty > 0
        and fo.status_code in ('open', 'in_progress', 'incomplete')
        and fol.order_key in (select order_key from asked)
),

-- A call carries 512 lines at most, and an order line may lie in several fulfilment orders: parts are counted over all a
-- parcel completes, told or not, so that a part keeps its number when the one before it is done.
spread as (
    select
        order_line_key,
        location_id,
        count(*) as places
    from {{ ref('fulfilment_order_lines') }}
    where order_key in (select order_key from asked)
    group by order_line_key, location_id
),

parted as (
    select
        a.*,
        (row_number() over (partition by a.shipment_key order by a.order_line_key) - 1)
        // greatest(1, 512 // max(coalesce(s.places, 1)) over (partition by a.shipment_key)) + 1 as part
    from asked as a
    left join spread as s on s.order_line_key = a.order_line_key and s.location_id = a.location_id
),

laid as (
    select
        a.shipment_key,
        a.part,
        a.order_line_key,
        f.fulfilment_order_id,
        f.fulfilment_order_line_id,
        f.sku,
        (least(a.to_qty, f.to_qty) - greatest(a.to_qty - a.untold_qty, f.to_qty - f.remaining_qty))::bigint as qty
    from parted as a
    inner join open_lines as f on f.order_line_key = a.order_line_key and f.location_id = a.location_id
    where a.untold_qty > 0 and f.to_qty > a.to_qty - a.untold_qty and f.to_qty - f.remaining_qty < a.to_qty
),

-- Earlier parcels that held parts of a bundle's unit this one completes.
joined as (
    select distinct
        c.shipment_key,
        c.part,
        e.number,
        e.shipment_key as earlier_key,
        e.despatched_at
    from parted as c
    inner join {{ ref('parcels_to_tell') }} as e
        on e.order_key = c.order_key and e.location_id = c.location_id and e.order_line_key = c.order_line_key
    where
        c.is_bundle
        and c.untold_qty > 0
        and (e.despatched_at, e.shipment_key) < (c.despatched_at, c.shipment_key)
        and e.last_unit_qty > c.before_qty
        and e.first_unit_qty <= c.complete_qty
        and e.number is not null
        and e.number <> coalesce(c.number, '')
),

earlier as (
    select
        j.shipment_key,
        j.part,
        list(s.tracking_number order by j.despatched_at, j.earlier_key) as numbers,
        list(coalesce(s.tracking_url, '') order by j.despatched_at, j.earlier_key) as urls
    from joined as j
    inner join {{ ref('shipments') }} as s on s.shipment_key = j.earlier_key
    group by j.shipment_key, j.part
),

rows_of as (
    select
        a.shipment_key,
        a.part,
        min(a.order_key) as order_key,
        min(a.location_id) as location_id,
        sum(a.untold_qty) as untold_qty
    from parted as a
    where a.untold_qty > 0
    group by a.shipment_key, a.part
),

bodies as (
    select
        shipment_key,
        part,
        sum(qty) as qty,
        list({
            'fulfilment_order_id': fulfilment_order_id,
            'fulfilment_order_line_id': fulfilment_order_line_id,
            'order_line_key': order_line_key,
            'sku': sku,
            'qty': qty
        } order by order_line_key, fulfilment_order_line_id) as lines
    from laid
    group by shipment_key, part
),

-- The channel's location that the sending facility stands behind, where there is one only.
homes as (
    select
        l.system,
        f.warehouse_system,
        f.warehouse_facility_id,
        min(l.location_id) as location_id
    from {{ ref('locations') }} as l
    inner join {{ ref('facilities') }} as f on f.facility = l.facility
    group by l.system, f.warehouse_system, f.warehouse_facility_id
    having count(distinct l.location_id) = 1
),

fulfil as (
    select
        o.system,
        s.system as source_system,
        'fulfil' as act,
        s.shipment_key || case when r.part > 1 then '/' || r.part else '' end as business_key,
        s.tracking_number as reference,
        r.order_key,
        s.despatched_at as since_at,
        case
            when coalesce(trim(s.tracking_number), '') = '' then 'no_tracking'
            when coalesce(trim(s.carrier), '') = '' then 'no_carrier'
            when c.channel_carrier is null then 'unmapped_carrier'
            when b.shipment_key is null then 'nothing_open'
            when ch.notify_policy = 'on_first_scan' and t.system is not null and s.first_scan_at is null then 'not_scanned'
        end as held_by,
        40::integer as priority,
        null::decimal(18, 4) as amount,
        o.currency,
        s.shipment_id,
        r.location_id,
        coalesce(h.location_id, r.location_id) as from_location_id,
        c.channel_carrier as carrier,
        list_concat([s.tracking_number], coalesce(e.numbers, [])) as tracking_numbers,
        list_concat([coalesce(s.tracking_url, '')], coalesce(e.urls, [])) as tracking_urls,
        -- one parcel is one message, whatever the number of calls that tell of it
        (coalesce(ch.notify_policy, 'on_despatch') = 'on_despatch' or t.system is not null) and r.part = 1 as notify,
        s.despatched_at,
        null::varchar as fulfilment_id,
        o.order_id,
        b.lines,
        r.part::integer as part
    from rows_of as r
    inner join {{ ref('shipments') }} as s on s.shipment_key = r.shipment_key
    inner join {{ ref('orders') }} as o on o.order_key = r.order_key
    left join bodies as b on b.shipment_key = r.shipment_key and b.part = r.part
    left join earlier as e on e.shipment_key = r.shipment_key and e.part = r.part
    left join homes as h
        on h.system = o.system and h.warehouse_system = s.system and h.warehouse_facility_id = s.facility_id
    left join {{ source('estate', 'channels') }} as ch on ch.system = o.system
    left join {{ source('estate', 'systems') }} as t
        on t.system = o.system and t.tells_customers
    left join {{ ref('carriers') }} as c
        on c.warehouse_system = s.system and c.carrier = s.carrier and c.channel_system = o.system
),

-- We told the channel without telling the customer; the carrier has scanned the parcel, by the warehouse or by the channel,
-- which follows it too; nobody has told them since.
ours as (
    select
        split_part(business_key, '/', 1) as shipment_key,
        coalesce(bool_and((sent ->> '$.notify') = 'false'), false) as is_silent
    from {{ source('ops', 'operations') }}
    where sync = 'shipments_to_channel' and act = 'fulfil' and state in ('verified', 'adopted')
    group by 1
),

scanned as (
    select
        o.system,
        s.system as source_system,
        'notify' as act,
        s.shipment_key || ':scan' as business_key,
        s.tracking_number as reference,
        s.order_key,
        least(s.first_scan_at, f.first_scan_at) as since_at,
        case when c.channel_carrier is null then 'unmapped_carrier' end as held_by,
        40::integer as priority,
        null::decimal(18, 4) as amount,
        o.currency,
        s.shipment_id,
        f.location_id,
        f.location_id as from_location_id,
        c.channel_carrier as carrier,
        f.tracking_numbers,
        list_transform(f.tracking_numbers, lambda n: case when n = s.tracking_number then coalesce(s.tracking_url, '') else '' end)
            as tracking_urls,
        true as notify,
        s.despatched_at,
        f.fulfilment_id,
        o.order_id,
        [] as lines,
        1::integer as part
    from ours
    inner join {{ ref('shipments') }} as s on s.shipment_key = ours.shipment_key
    inner join {{ ref('orders') }} as o on o.order_key = s.order_key
    inner join {{ source('estate', 'channels') }} as ch on ch.system = o.system and ch.notify_policy = 'on_first_scan'
    inner join {{ ref('fulfilments') }} as f
        on f.order_key = s.order_key
        and f.status_code = 'success'
        and list_contains(f.tracking_numbers, s.tracking_number)
    left join {{ ref('carriers') }} as c
        on c.warehouse_system = s.system and c.carrier = s.carrier and c.channel_system = o.system
    where
        ours.is_silent
        and coalesce(s.first_scan_at, f.first_scan_at) is not null
        and o.cancelled_at is null
        and not exists (
            select 1
            from {{ source('ops', 'operations') }} as done
            where
                done.sync = 'shipments_to_channel'
                and done.business_key = s.shipment_key || ':scan'
                and done.state in ('verified', 'adopted')
        )
    qualify row_number() over (partition by s.shipment_key order by f.created_at, f.fulfilment_key) = 1
)

select * from fulfil
union all by name
select * from scanned
