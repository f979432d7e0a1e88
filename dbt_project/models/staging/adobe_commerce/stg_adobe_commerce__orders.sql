-- Money is the website's own currency (base_*), prices before tax. An order is paid from the paid invoice with which its
-- invoices reach its total. The vendor keeps no instant of a cancellation: it is when the order came into its present
-- status. One that was paid is cancelled by crediting it whole: closed, and nothing of it ever sent.
with orders as (
    select
        *,
        extension_attributes.shipping_assignments[1].shipping.address as ship_to,
        coalesce(base_total_paid, 0) as paid,
        coalesce(base_total_refunded, 0) as refunded,
        base_grand_total - coalesce(base_total_canceled, 0) as due,
        abs(coalesce(base_discount_amount, 0))
        - coalesce(base_discount_tax_compensation_amount, 0)
        - coalesce(base_shipping_discount_tax_compensation_amnt, 0) as discount,
        abs(coalesce(base_shipping_discount_amount, 0)) - coalesce(base_shipping_discount_tax_compensation_amnt, 0)
            as shipping_discount
    from ({{ adobe_commerce_orders() }})
),

counted as (
    select
        *,
        coalesce(list_sum(list_transform(goods, lambda g: g.waiting)), 0) as waiting,
        coalesce(list_sum(list_transform(goods, lambda g: g.sent)), 0) as sent
    from orders
),

invoiced as (
    select
        system,
        order_id,
        created_at,
        sum(base_grand_total) over (
            partition by system, order_id order by created_at, entity_id
            rows between unbounded preceding and current row
        ) as so_far
    from {{ source('adobe_commerce', 'invoices') }}
    where state = 2 and _gone_at is null
),

last_read as (
    {{ adobe_commerce_last_read() }}
),

paid as (
    select
        i.system,
        i.order_id,
        max(i.so_far) as taken,
        min(i.created_at) filter (where i.so_far >= o.due) as whole_at,
        max(i.created_at) as last_at
    from invoiced as i
    inner join orders as o on o.system = i.system and o.entity_id = i.order_id
    group by i.system, i.order_id
),

invoices_read as (
    select
        system,
        max(_read_at) as read_at,
        min(created_at) as since_at
    from {{ source('adobe_commerce', 'invoices') }}
    group by system
),

-- An order may be read a moment after the invoices were, and say that it is paid by one we have not seen: that counts when
-- it is there, or the order would go on without its payment. One older than the invoices we have read is believed.
known as (
    select
        o.*,
        case
            when timezone('UTC', o.updated_at) > i.read_at and o.created_at >= i.since_at
                then least(o.paid, coalesce(p.taken, 0))
            else o.paid
        end as known_paid
    from counted as o
    left join invoices_read as i on i.system = o.system
    left join paid as p on p.system = o.system and p.order_id = o.entity_id
)

select
    o.system || ':' || o.entity_id as order_key,
    o.system,
    o.entity_id::varchar as order_id,
    nullif(trim(o.increment_id), '') as order_name,
    timezone('UTC', o.created_at) as placed_at,
    timezone('UTC', o.updated_at) as updated_at,
    case
        when o.state = 'canceled' or (o.state = 'closed' and o.sent = 0 and len(o.goods) > 0)
            then timezone('UTC', coalesce(
                list_min(list_transform(list_filter(o.status_histories, lambda h: h.status = o.status), lambda h: h.created_at)),
                o.updated_at
            ))
    end as cancelled_at,
    false as is_test,
    nullif(trim(split_part(o.store_name, chr(10), -1)), '') as source_name,
    o.store_id::varchar as channel_id,
    o.base_currency_code as currency,
    false as is_tax_included,
    o.base_grand_total::decimal(18, 4) as total_amount,
    -- What was given back beside units and delivery takes nothing off an order, nor is what was kept of their price still owed.
    (o.due - o.refunded + coalesce(o.base_adjustment_positive, 0) - coalesce(o.base_adjustment_negative, 0))::decimal(18, 4)
        as current_total_amount,
    (o.base_subtotal - (o.discount - o.shipping_discount))::decimal(18, 4) as subtotal_amount,
    (o.base_shipping_amount - o.shipping_discount)::decimal(18, 4) as shipping_amount,
    o.base_tax_amount::decimal(18, 4) as tax_amount,
    (o.discount - o.shipping_discount)::decimal(18, 4) as discount_amount,
    o.paid::decimal(18, 4) as captured_amount,
    o.refunded::decimal(18, 4) as refunded_amount,
    case
        when coalesce(o.state, '') not in (
            'new', 'pending_payment', 'processing', 'complete', 'closed', 'canceled', 'holded', 'payment_review'
        ) then 'unknown'
        when o.refunded > 0 and o.refunded >= o.paid then 'refunded'
        when o.refunded > 0 then 'part_refunded'
        when o.state = 'canceled' and o.paid = 0 then 'voided'
        when o.base_grand_total <= 0 or (o.known_paid > 0 and o.known_paid >= o.due) then 'captured'
        when o.known_paid > 0 then 'part_captured'
        when o.payment.base_amount_authorized > 0 then 'authorised'
        else 'pending'
    end as payment_code,
    concat_ws('/', o.state, o.status) as payment_status_raw,
    timezone('UTC', case
        when o.base_grand_total <= 0 then o.created_at
        else coalesce(p.whole_at, case when o.known_paid > 0 and o.known_paid >= o.due then coalesce(p.last_at, o.created_at) end)
    end) as paid_at,
    case
        when coalesce(o.state, '') not in (
            'new', 'pending_payment', 'processing', 'complete', 'closed', 'canceled', 'holded', 'payment_review'
        ) then 'unknown'
        when o.state in ('holded', 'payment_review') then 'on_hold'
        when o.sent > 0 and o.waiting > 0 then 'part_fulfilled'
        when o.sent > 0 then 'fulfilled'
        else 'unfulfilled'
    end as fulfilment_code,
    concat_ws('/', o.state, o.status) as fulfilment_status_raw,
    -- A guest has no id: the same e-mail address is the same customer, and its digest tells no more than that.
    o.system || ':' || coalesce(o.customer_id::varchar, 'guest-' || md5(lower(trim(o.customer_email)))) as customer_key,
    nullif(trim(o.customer_email), '') as customer_email,
    nullif(trim(concat_ws(' ', nullif(trim(o.ship_to.firstname), ''), nullif(trim(o.ship_to.lastname), ''))), '')
        as ship_to_name,
    nullif(trim(o.ship_to.firstname), '') as ship_to_first_name,
    nullif(trim(o.ship_to.lastname), '') as ship_to_last_name,
    nullif(trim(o.ship_to.company), '') as ship_to_company,
    nullif(trim(o.ship_to.street[1]), '') as ship_to_line1,
    nullif(array_to_string(list_filter(list_transform(o.ship_to.street[2:], lambda s: trim(s)), lambda s: s <> ''), ', '), '')
        as ship_to_line2,
    nullif(trim(o.ship_to.city), '') as ship_to_city,
    nullif(trim(o.ship_to.region), '') as ship_to_region,
    nullif(trim(o.ship_to.postcode), '') as ship_to_postcode,
    nullif(trim(o.ship_to.country_id), '') as ship_to_country_code,
    nullif(trim(o.ship_to.telephone), '') as ship_to_phone,
    coalesce(nullif(trim(o.shipping_description), ''), o.extension_attributes.shipping_assignments[1].shipping.method)
        as delivery_option,
    null::date as promised_on,
    nullif(trim(o.customer_note), '') as note,
    []::varchar[] as tags,
    md5(array_to_string(
        list_sort(list_transform(
            list_filter(o.lines, lambda l: l.qty_ordered > 0),
            lambda l: concat_ws(':', coalesce(l.sku, ''), l.qty_ordered::bigint, l.base_price::decimal(18, 4))
        )),
        ','
    )) as basket_fingerprint,
    s.admin_url || '/sales/order/view/order_id/' || o.entity_id as url,
    o._first_seen_at as first_seen_at,
    r.read_at,
    o._gone_at as gone_at
from known as o
inner join last_read as r on r.system = o.system and r.order_id = o.entity_id
left join paid as p on p.system = o.system and p.order_id = o.entity_id
left join {{ source('estate', 'systems') }} as s on s.system = o.system
