-- What a facility can still promise of a SKU: its available stock less the units ordered and not yet allocated there.
--
-- An order being in the warehouse is not stock being reserved: until the warehouse allocates, its available figure still
-- counts the units. Of an order's units, those left to send (R) are not yet allocated as far as what was ordered in all
-- (fulfilled + R) exceeds the allocations the stock figure already knows (made before it was read).
with wanted_units as (
    select
        order_key,
        facility,
        warehouse_system,
        warehouse_sku,
        sum(qty) as remaining_qty
    from {{ ref('units_to_send') }}
    where facility is not null
    group by order_key, facility, warehouse_system, warehouse_sku
),

fulfilled as (
    select
        u.order_key,
        u.warehouse_sku,
        sum(fl.qty * u.per_unit_qty) as qty
    from (select distinct order_key, order_line_key, warehouse_sku, per_unit_qty from {{ ref('units_to_send') }}) as u
    inner join {{ ref('told_units') }} as fl on fl.order_line_key = u.order_line_key and fl.status_code = 'success'
    group by u.order_key, u.warehouse_sku
),

at_warehouse as (
    select
        wo.order_key,
        bool_or(wo.status_code not in ('cancelled', 'refunded', 'merged') and wo.gone_at is null) as is_live
    from {{ ref('orders_at_warehouse') }} as wo
    where wo.order_key in (select order_key from wanted_units)
    group by wo.order_key
),

allocated as (
    select
        a.order_key,
        a.sku as warehouse_sku,
        sum(a.qty) as qty
    from {{ ref('live_allocations') }} as a
    left join {{ ref('stock') }} as s
        on s.system = a.system and s.facility_id = a.facility_id and s.sku = a.sku
    where
        a.order_key in (select order_key from wanted_units)
        and a.created_at <= coalesce(s.read_at, a.created_at)
    group by a.order_key, a.sku
),

-- An order's open units of a SKU, filled facility by facility where it is sent from several.
per_order as (
    select
        w.facility,
        w.warehouse_system,
        w.warehouse_sku,
        w.remaining_qty,
        sum(w.remaining_qty) over by_order as total_qty,
        coalesce(sum(w.remaining_qty) over (
            partition by w.order_key, w.warehouse_sku order by w.facility
            rows between unbounded preceding and 1 preceding
        ), 0) as earlier_qty,
        coalesce(f.qty, 0) as fulfilled_qty,
        coalesce(a.qty, 0) as allocated_qty
    from wanted_units as w
    left join at_warehouse as t on t.order_key = w.order_key
    left join fulfilled as f on f.order_key = w.order_key and f.warehouse_sku = w.warehouse_sku
    left join allocated as a on a.order_key = w.order_key and a.warehouse_sku = w.warehouse_sku
    where coalesce(t.is_live, true)
    window by_order as (partition by w.order_key, w.warehouse_sku)
),

demand as (
    select
        facility,
        warehouse_system,
        warehouse_sku,
        sum(least(remaining_qty, greatest(0, least(total_qty, total_qty + fulfilled_qty - allocated_qty) - earlier_qty)))
            as unallocated_qty
    from per_order
    group by facility, warehouse_system, warehouse_sku
),

levels as (
    select
        facility,
        system,
        facility_id,
        sku,
        count(*) as entries_qty,
        min(item_id) as item_id,
        sum(physical_qty) as physical_qty,
        sum(allocated_qty) as allocated_qty,
        case when count(available_qty) = count(*) then sum(available_qty) end as available_qty,
        max(updated_at) as updated_at,
        min(read_at) as read_at
    from {{ ref('stock') }}
    where facility is not null and sku is not null
    group by facility, system, facility_id, sku
),

-- The lowest reading of the estate's waiting interval: an increase rests on it, so that one odd reading lifts nothing and
-- a busy SKU, whose level never stands still, is lifted all the same.
changes as (
    select
        system,
        facility_ref,
        sku,
        max(changed_at) as changed_at,
        arg_max(available, changed_at) filter (where changed_at <= {{ interval_start() }}) as at_start_qty,
        min(available) filter (where changed_at > {{ interval_start() }}) as lowest_since_qty
    from {{ source('ops', 'stock_changes') }}
    group by system, facility_ref, sku
)

select
    coalesce(l.facility, d.facility) as facility,
    coalesce(l.system, d.warehouse_system) as system,
    l.facility_id,
    coalesce(l.sku, d.warehouse_sku) as sku,
    l.item_id,
    coalesce(l.entries_qty, 0)::bigint as entries_qty,
    l.physical_qty::bigint as physical_qty,
    l.allocated_qty::bigint as allocated_qty,
    l.available_qty::bigint as available_qty,
    coalesce(d.unallocated_qty, 0)::bigint as ordered_unallocated_qty,
    (coalesce(l.available_qty, 0) - coalesce(d.unallocated_qty, 0))::bigint as free_qty,
    case
        when c.sku is null then l.available_qty
        when c.at_start_qty is not null then least(l.available_qty, c.at_start_qty, coalesce(c.lowest_since_qty, l.available_qty))
    end::bigint - coalesce(d.unallocated_qty, 0)::bigint as settled_free_qty,
    l.updated_at,
    l.read_at,
    c.changed_at
from levels as l
full join demand as d on d.facility = l.facility and d.warehouse_system = l.system and d.warehouse_sku = l.sku
left join changes as c on c.system = l.system and c.facility_ref = l.facility_id and c.sku = l.sku
