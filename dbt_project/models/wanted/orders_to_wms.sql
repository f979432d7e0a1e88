-- Orders a warehouse should have and has not: one row per order and facility, in what a shelf holds. The order itself is
-- read anew at the end: what was cancelled since the steps were filled is wanted no more.
--
-- A bundle's price is shared over its components by their own prices (by units where one is unknown). Shares are cut from
-- a running total of whole pence, so they add up to the bundle's price exactly; what does not divide over a component's
-- units stands in a second line that is one penny dearer.
with parts as (
    select r.*
    from {{ ref('releases') }} as r
    left join {{ source('estate', 'syncs') }} as s on s.sync = 'orders_to_wms'
    where
        (r.is_payable and r.payment_code <> 'refunded')
        and r.placed_at >= coalesce(s.from_at, r.placed_at)
),

units as (
    select
        p.business_key,
        u.order_line_key,
        u.line_id,
        u.component_sku,
        u.warehouse_sku,
        u.warehouse_system,
        u.is_bundle,
        u.per_unit_qty,
        l.remaining_qty,
        ol.unit_price_amount,
        ol.tax_rate,
        u.system,
        case
            when (ol.unit_price_amount * l.remaining_qty * {{ minor_units('p.currency') }}) % 1 = 0
                then {{ minor_units('p.currency') }}
            else 10000
        end as steps
    from parts as p
    inner join {{ ref('units_to_send') }} as u
        on u.order_key = p.order_key and coalesce(u.facility, 'location ' || u.location_id) = p.place
    inner join {{ ref('lines_to_send') }} as l
        on l.order_key = u.order_key and l.order_line_key = u.order_line_key and l.location_id = u.location_id
    inner join {{ ref('live_lines') }} as ol on ol.order_line_key = u.order_line_key
),

prices as (
    select
        system,
        sku,
        max(price_amount) as price_amount
    from {{ ref('items') }}
    where role = 'channel' and price_amount > 0
    group by system, sku
),

weighed as (
    select
        u.*,
        (u.unit_price_amount * u.remaining_qty * u.steps)::hugeint as line_steps,
        case
            when count(pr.price_amount) over of_line = count(*) over of_line
                then (pr.price_amount * u.per_unit_qty * 10000)::hugeint
            else u.per_unit_qty::hugeint
        end as weight
    from units as u
    left join prices as pr on pr.system = u.system and pr.sku = u.component_sku
    where u.is_bundle
    window of_line as (partition by u.business_key, u.order_line_key)
),

summed as (
    select
        *,
        sum(weight) over (partition by business_key, order_line_key) as all_weight,
        sum(weight) over (
            partition by business_key, order_line_key order by component_sku
            rows between unbounded preceding and current row
        ) as running_weight
    from weighed
),

shared as (
    select
        *,
        (line_steps * running_weight) // all_weight
        - (line_steps * (running_weight - weight)) // all_weight as own_steps,
        (remaining_qty * per_unit_qty)::hugeint as own_units
    from summed
),

priced as (
    select
        business_key,
        order_line_key,
        line_id,
        line_id as line_ref,
        warehouse_system,
        warehouse_sku,
        remaining_qty as qty,
        unit_price_amount::decimal(18, 4) as unit_price_amount,
        tax_rate
    from units
    where not is_bundle
    union all
    select
        business_key,
        order_line_key,
        line_id,
        line_id || '/' || component_sku,
        warehouse_system,
        warehouse_sku,
        (own_units - own_steps % own_units)::bigint,
        ((own_steps // own_units)::decimal(28, 0) * {{ one_step('steps') }})::decimal(18, 4),
        tax_rate
    from shared
    union all
    select
        business_key,
        order_line_key,
        line_id,
        line_id || '/' || component_sku,
        warehouse_system,
        warehouse_sku,
        (own_steps % own_units)::bigint,
        ((own_steps // own_units + 1)::decimal(28, 0) * {{ one_step('steps') }})::decimal(18, 4),
        tax_rate
    from shared
    where own_steps % own_units > 0
),

known_items as (
    select
        system,
        sku,
        min(item_id) as item_id
    from {{ ref('items') }}
    where role = 'warehouse' and is_active
    group by system, sku
    having count(*) = 1
),

-- An order's money as it stands: what was taken off it since it was placed, by an edit or given back before it goes, is
-- no more of it. A line's discount and tax go with its units, in whole pence.
changed_lines as (
    select
        order_key,
        order_line_key,
        system,
        tax_code,
        discount_amount - {{ share_of('discount_amount') }} as discount_off_amount,
        tax_amount - {{ share_of('tax_amount') }} as tax_off_amount
    from {{ ref('order_line_book') }}
    where order_key in (select order_key from parts)
),

given_back as (
    select
        r.order_key,
        sum(greatest(r.amount - r.adjustment_amount - coalesce(l.amount, 0), 0)) as shipping_amount
    from {{ ref('refunds') }} as r
    left join (
        select
            refund_key,
            sum(amount) as amount
        from {{ ref('refund_lines') }}
        group by refund_key
    ) as l on l.refund_key = r.refund_key
    where r.order_key in (select order_key from parts)
    group by r.order_key
),

amounts as (
    select
        o.order_key,
        coalesce(any_value(o.current_total_amount), any_value(o.total_amount)) as total_amount,
        greatest(any_value(o.shipping_amount) - coalesce(any_value(b.shipping_amount), 0), 0)::decimal(18, 4)
            as shipping_amount,
        greatest(any_value(o.discount_amount) - coalesce(sum(c.discount_off_amount), 0), 0)::decimal(18, 4)
            as discount_amount,
        greatest(any_value(o.tax_amount) - coalesce(sum(c.tax_off_amount), 0), 0)::decimal(18, 4) as tax_amount
    from {{ ref('orders') }} as o
    left join changed_lines as c on c.order_key = o.order_key
    left join given_back as b on b.order_key = o.order_key
    where o.order_key in (select order_key from parts)
    group by o.order_key
),

bodies as (
    select
        p.business_key,
        sum(p.qty * p.unit_price_amount) as goods_amount,
        list({
            'line_ref': p.line_ref,
            'sku': p.warehouse_sku,
            'item_id': i.item_id,
            'qty': p.qty,
            'unit_price_amount': p.unit_price_amount,
            'tax_rate': p.tax_rate,
            'tax_code': t.ledger_code
        } order by p.line_id, p.line_ref, p.unit_price_amount) as lines
    from priced as p
    left join known_items as i on i.system = p.warehouse_system and i.sku = p.warehouse_sku
    left join changed_lines as c on c.order_line_key = p.order_line_key
    left join {{ ref('tax_codes') }} as t on t.system = c.system and t.tax_code = c.tax_code
    group by p.business_key
),

-- Of an order that is split, each part carries its share of the order's money by the goods in it.
goods as (
    select
        l.order_key,
        coalesce(l.facility, 'location ' || l.location_id) as place,
        (sum(ol.unit_price_amount * l.remaining_qty) * 10000)::hugeint as weight
    from {{ ref('lines_to_send') }} as l
    inner join {{ ref('live_lines') }} as ol on ol.order_line_key = l.order_line_key
    where l.order_key in (select order_key from parts where is_split)
    group by all
),

part_goods as (
    select
        *,
        sum(weight) over (partition by order_key) as all_weight,
        sum(weight) over (partition by order_key order by place rows between unbounded preceding and current row)
            as running_weight
    from goods
),

payments_of as (
    select
        order_key,
        payment_id,
        gateway,
        amount,
        fee_amount,
        currency,
        processed_at,
        sum(amount) over (
            partition by order_key order by processed_at, payment_id rows between unbounded preceding and current row
        ) as to_amount
    from {{ ref('payments') }}
    where
        kind_code in ('sale', 'capture') and status_code = 'success' and amount > 0
        and order_key in (select order_key from parts)
),

paid as (
    select
        order_key,
        arg_max(payment_id, processed_at) as payment_id,
        arg_max(gateway, processed_at) as payment_method
    from payments_of
    group by order_key
),

-- What is part of the order's total and lies on no shelf, before discounts.
services as (
    select
        order_key,
        sum(unit_price_amount * current_qty)::decimal(18, 4) as amount
    from {{ ref('live_lines') }}
    where not requires_shipping and order_key in (select order_key from parts)
    group by order_key
),

part_totals as (
    select
        p.business_key,
        p.order_key,
        {{ part_of('am.total_amount') }} as total_amount,
        sum({{ part_of('am.total_amount') }}) over (
            partition by p.order_key order by p.place rows between unbounded preceding and current row
        ) as to_amount
    from parts as p
    inner join {{ ref('orders') }} as o on o.order_key = p.order_key
    inner join amounts as am on am.order_key = p.order_key
    left join part_goods as g on g.order_key = p.order_key and g.place = p.place and p.is_split
),

-- What each payment pays of each part: both laid end to end, none of a payment counted twice, and none beyond the total.
payments_for as (
    select
        t.business_key,
        list({
            'payment_id': m.payment_id,
            'method': m.gateway,
            'amount': (
                least(m.to_amount, t.to_amount) - greatest(m.to_amount - m.amount, t.to_amount - t.total_amount)
            )::decimal(18, 4),
            'fee_amount': case when m.to_amount - m.amount >= t.to_amount - t.total_amount then m.fee_amount end,
            'currency': m.currency
        } order by m.processed_at, m.payment_id) as payments
    from part_totals as t
    inner join payments_of as m on m.order_key = t.order_key
    where m.to_amount > t.to_amount - t.total_amount and m.to_amount - m.amount < t.to_amount
    group by t.business_key
),

cut_offs as (
    select
        p.business_key,
        c.day_on
    from parts as p
    asof inner join {{ source('estate', 'cut_offs') }} as c on c.facility = p.facility and p.ready_at <= c.cut_off_at
)

select
    p.warehouse_system as system,
    p.system as source_system,
    'create' as act,
    p.business_key,
    p.reference,
    p.order_key,
    p.ready_at as since_at,
    p.held_by,
    30::integer as priority,
    {{ part_of('am.total_amount') }} as amount,
    o.currency,
    p.facility,
    p.warehouse_facility_id as facility_id,
    o.delivery_option,
    p.delivery_method_id,
    p.service_code,
    p.order_name,
    p.placed_at,
    {{ part_of('am.total_amount') }} as total_amount,
    {{ part_of('am.shipping_amount') }} as shipping_amount,
    {{ part_of('coalesce(sv.amount, 0)') }} as services_amount,
    {{ part_of('am.discount_amount') }} as discount_amount,
    {{ part_of('am.tax_amount') }} as tax_amount,
    o.is_tax_included,
    o.customer_email,
    o.ship_to_name,
    o.ship_to_first_name,
    o.ship_to_last_name,
    o.ship_to_company,
    o.ship_to_line1,
    o.ship_to_line2,
    o.ship_to_city,
    o.ship_to_region,
    o.ship_to_postcode,
    o.ship_to_country_code,
    o.ship_to_phone,
    o.note,
    o.customer_key as customer_id,
    pd.payment_id as payment_reference,
    pd.payment_method,
    coalesce(pf.payments, []) as payments,
    coalesce(o.promised_on, co.day_on) as due_on,
    b.lines
from parts as p
inner join {{ ref('orders') }} as o on o.order_key = p.order_key
inner join bodies as b on b.business_key = p.business_key
inner join amounts as am on am.order_key = p.order_key
left join payments_for as pf on pf.business_key = p.business_key
left join part_goods as g on g.order_key = p.order_key and g.place = p.place and p.is_split
left join paid as pd on pd.order_key = p.order_key
left join services as sv on sv.order_key = p.order_key
left join cut_offs as co on co.business_key = p.business_key
where o.cancelled_at is null and o.gone_at is null
