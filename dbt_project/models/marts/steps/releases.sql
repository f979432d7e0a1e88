-- Each part of an order that a facility should have and its warehouse has not: one row per order and facility, with the
-- one cause that holds it back, or none. Causes come in the order in which a person would have to mend them.
--
-- A part is at the warehouse when a warehouse order has its reference, whoever sent it and whatever became of it: what a
-- person cancelled, merged or deleted there is not sent again.
with references_taken as (
    select distinct reference
    from {{ ref('warehouse_book') }}
    where reference is not null
),

parts as (
    select
        l.order_key,
        l.system,
        coalesce(l.facility, 'location ' || l.location_id) as place,
        l.facility,
        l.warehouse_system,
        l.warehouse_facility_id,
        bool_or(l.is_on_hold) as is_on_hold,
        bool_or(l.is_scheduled) as is_scheduled,
        bool_or(coalesce(l.ordered_qty, 0) <= 0 or l.remaining_qty > {{ var('max_line_qty') }}) as is_odd_quantity,
        count(distinct l.line_currency) filter (where l.line_currency is not null) as currencies,
        min(l.line_currency) as line_currency
    from {{ ref('lines_to_send') }} as l
    group by l.order_key, l.system, l.facility, l.warehouse_system, l.warehouse_facility_id, place
),

counted as (
    select
        *,
        count(*) over (partition by order_key) > 1 as is_split
    from parts
),

missing as (
    select
        p.*,
        o.order_name,
        o.placed_at,
        o.paid_at,
        o.payment_code,
        o.currency,
        o.total_amount,
        o.delivery_option,
        o.promised_on,
        o.ship_to_name,
        o.ship_to_last_name,
        o.ship_to_line1,
        o.ship_to_line2,
        o.ship_to_city,
        o.ship_to_postcode,
        o.ship_to_country_code,
        o.order_name || case when p.is_split then '/' || p.place else '' end as reference,
        coalesce(c.release_policy, 'after_capture') as release_policy
    from counted as p
    inner join {{ ref('live_orders') }} as o on o.order_key = p.order_key
    left join {{ source('estate', 'channels') }} as c on c.system = p.system
    left join references_taken as whole on whole.reference = o.order_name
    left join references_taken as own on own.reference = o.order_name || '/' || p.place
    where whole.reference is null and own.reference is null
),

payable as (
    select
        *,
        payment_code in ('captured', 'part_refunded')
        or (release_policy = 'on_order' and payment_code in ('pending', 'authorised', 'part_captured')) as is_payable,
        case
            when release_policy = 'on_order' then placed_at
            else greatest(coalesce(paid_at, placed_at), placed_at)
        end as ready_at
    from missing
),

shared_names as (
    select order_name
    from {{ ref('order_book') }}
    where order_name in (select order_name from missing)
    group by order_name
    having count(*) > 1
),

known_items as (
    select
        system,
        sku,
        count(*) as items
    from {{ ref('items') }}
    where role = 'warehouse' and is_active and sku is not null
    group by system, sku
),

unknown as (
    select
        u.order_key,
        u.location_id,
        coalesce(u.facility, 'location ' || u.location_id) as place,
        min(coalesce(u.component_sku, '(blank)')) as sku,
        arg_min(coalesce(k.items, 0), coalesce(u.component_sku, '')) as items
    from {{ ref('units_to_send') }} as u
    left join known_items as k on k.system = u.warehouse_system and k.sku = u.warehouse_sku
    where u.warehouse_system is not null and coalesce(k.items, 0) <> 1
    group by all
),

-- Where the order is a posting, a tax without a code would be one too: it is held before, not corrected after. Books that no
-- warehouse keeps take their orders from the shop; holding the parcel would keep nothing out of them.
untaxed as (
    select
        l.order_key,
        coalesce(l.facility, 'location ' || l.location_id) as place,
        min(u.tax_code) as tax_code
    from {{ ref('lines_to_send') }} as l
    inner join {{ ref('order_line_book') }} as ol on ol.order_line_key = l.order_line_key
    cross join unnest(string_split(ol.tax_code, ' + ')) as u (tax_code)
    where
        l.warehouse_system in (select t.system from {{ source('estate', 'truth') }} as t where t.entity = 'finance')
        and (l.system, u.tax_code) not in (
            select (tc.system, tc.tax_code)
            from {{ ref('tax_codes') }} as tc
            where coalesce(trim(tc.ledger_code), '') <> ''
        )
    group by l.order_key, coalesce(l.facility, 'location ' || l.location_id)
),

methods as (
    select
        m.order_key,
        m.place,
        arg_min(d.delivery_method_id, case when d.facility is not null then 0 else 1 end) as delivery_method_id,
        arg_min(d.service_code, case when d.facility is not null then 0 else 1 end) as service_code
    from missing as m
    inner join {{ ref('delivery_options') }} as d
        on d.system = m.system
        and d.delivery_option = m.delivery_option
        and d.warehouse_system = m.warehouse_system
        and (d.facility = m.facility or d.facility is null)
    left join {{ ref('delivery_methods') }} as w
        on w.system = d.warehouse_system and w.delivery_method_id = d.delivery_method_id
    where
        w.delivery_method_id is not null
        or d.warehouse_system not in (select system from {{ ref('delivery_methods') }})
    group by m.order_key, m.place
),

-- Free stock, oldest paid order first: what is available less what orders already in the warehouse still need.
needed as (
    select
        p.order_key,
        p.place,
        p.is_payable,
        p.ready_at,
        u.facility,
        u.warehouse_system,
        u.warehouse_sku,
        sum(u.qty) as qty
    from {{ ref('units_to_send') }} as u
    inner join payable as p on p.order_key = u.order_key and p.facility = u.facility
    group by all
),

supply as (
    select
        a.facility,
        a.sku,
        a.available_qty,
        a.available_qty is null and a.entries_qty > 0 as is_infinite,
        coalesce(a.available_qty, 0) - (a.ordered_unallocated_qty - n.qty) as free_qty
    from {{ ref('availability') }} as a
    inner join (
        select
            facility,
            warehouse_sku,
            sum(qty) as qty
        from needed
        group by facility, warehouse_sku
    ) as n on n.facility = a.facility and n.warehouse_sku = a.sku
),

queued as (
    select
        n.*,
        coalesce(s.free_qty, 0) as free_qty,
        sum(case when n.qty <= coalesce(s.free_qty, 0) then n.qty else 0 end) over (
            partition by n.facility, n.warehouse_sku
            order by n.ready_at, n.order_key rows between unbounded preceding and current row
        ) as queue_qty
    from needed as n
    left join supply as s on s.facility = n.facility and s.sku = n.warehouse_sku
    where
        n.is_payable
        and not coalesce(s.is_infinite, false)
        and n.warehouse_system in (select system from {{ ref('stock') }})
),

short as (
    select
        order_key,
        place,
        min(warehouse_sku) as sku
    from queued
    where qty > free_qty or queue_qty > free_qty
    group by order_key, place
),

judged as (
    select
        p.*,
        m.delivery_method_id,
        m.service_code,
        case
            when p.payment_code = 'refunded' then 'refunded'
            when not p.is_payable then 'awaiting_payment'
            when p.is_on_hold then 'on_hold'
            when p.is_scheduled then 'scheduled'
            when sn.order_name is not null then 'reference_taken'
            when
                not regexp_full_match(coalesce(p.currency, ''), '[A-Z]{3}')
                or p.currencies > 1
                or coalesce(p.line_currency, p.currency) <> p.currency
                or (
                    p.system in (select system from {{ ref('currencies') }})
                    and p.currency not in (select cu.currency from {{ ref('currencies') }} as cu where cu.system = p.system)
                ) then 'currency'
            when p.is_odd_quantity then 'quantity'
            when p.facility is null or p.warehouse_system is null then 'unmapped_facility'
            when un.sku is not null then 'unknown_sku'
            when m.delivery_method_id is null then 'unmapped_delivery_option'
            when tx.tax_code is not null then 'unmapped_tax_code'
            when {{ address_fault('p') }} is not null then 'bad_address'
            when p.promised_on < {{ local_day(as_of()) }} then 'promised_day_passed'
            when sh.sku is not null then 'no_free_stock'
        end as held_by,
        case
            when p.facility is null or p.warehouse_system is null then p.place
            when un.sku is not null then un.sku || case when un.items > 1 then ' (' || un.items || ' items)' else '' end
            when m.delivery_method_id is null then coalesce(p.delivery_option, '(none)')
            when tx.tax_code is not null then tx.tax_code
            when {{ address_fault('p') }} is not null then {{ address_fault('p') }}
            when p.promised_on < {{ local_day(as_of()) }} then p.promised_on::varchar
            when sh.sku is not null then sh.sku
        end as held_detail
    from payable as p
    left join shared_names as sn on sn.order_name = p.order_name
    left join unknown as un on un.order_key = p.order_key and un.place = p.place
    left join untaxed as tx on tx.order_key = p.order_key and tx.place = p.place
    left join methods as m on m.order_key = p.order_key and m.place = p.place
    left join short as sh on sh.order_key = p.order_key and sh.place = p.place
)

select
    order_key || '@' || place as business_key,
    reference,
    order_key,
    order_name,
    system,
    facility,
    place,
    warehouse_system,
    warehouse_facility_id,
    delivery_method_id,
    service_code,
    placed_at,
    ready_at,
    payment_code,
    is_payable,
    is_split,
    promised_on,
    currency,
    total_amount,
    held_by,
    case
        when held_by in ('unmapped_facility', 'unknown_sku', 'unmapped_delivery_option', 'unmapped_tax_code',
                         'bad_address', 'promised_day_passed', 'no_free_stock') then held_detail
        when held_by = 'currency' then coalesce(currency, '(none)')
    end as held_detail
from judged
