-- Money is in the currency the shopper pays in (default_currency_code); currency_code is only what was shown. What is
-- charged beside goods and delivery (handling, wrapping) counts as delivery. Status 0 is a checkout nobody finished: no order.
-- The status is no state of payment. Paid outside the store's gateways, an order has no payment status: it is pending here
-- until a person says otherwise. When an order was cancelled nothing says; its last change is the latest it can have been.
-- An edit changes the total itself, a refund does not.
-- Goods for several addresses go nowhere by themselves: none is shown, and the order is held for a person.
with orders as (
    select
        *,
        id::varchar as order_id,
        case when len(coalesce(consignments.shipping, [])) = 1 then consignments.shipping[1] end as ship_to,
        coalesce(list_sort(list_transform(
            list_filter(transactions, lambda t: t.event in ('purchase', 'capture') and t.status = 'ok'),
            lambda t: {'at': t.date_created, 'amount': t.amount}
        )), []) as captures,
        list_concat(
            flatten(list_transform(coalesce(consignments.shipping, []), lambda c: c.line_items)),
            flatten(list_transform(coalesce(consignments.pickups, []), lambda c: c.line_items)),
            flatten(list_transform(coalesce(consignments.downloads, []), lambda c: c.line_items))
        ) as lines,
        coalesce(is_tax_inclusive_pricing, false) as has_tax_in
    from {{ source('bigcommerce', 'orders') }}
    where status_id <> 0
),

-- What was given back for no line: goodwill takes nothing off an order.
goodwill as (
    select
        system,
        order_id,
        sum(list_sum(list_transform(
            list_filter(items, lambda i: i.item_type = 'ORDER'), lambda i: i.requested_amount
        ))) as amount
    from {{ source('bigcommerce', 'refunds') }}
    where _gone_at is null
    group by system, order_id
)

select
    o.system || ':' || o.order_id as order_key,
    o.system,
    o.order_id,
    o.order_id as order_name,
    try_strptime(nullif(o.date_created, ''), '%a, %d %b %Y %H:%M:%S %z') as placed_at,
    try_strptime(nullif(o.date_modified, ''), '%a, %d %b %Y %H:%M:%S %z') as updated_at,
    case when o.status_id in (5, 6) then try_strptime(nullif(o.date_modified, ''), '%a, %d %b %Y %H:%M:%S %z') end as cancelled_at,
    coalesce(list_bool_or(list_transform(o.transactions, lambda t: t.test)), false) as is_test,
    nullif(trim(o.order_source), '') as source_name,
    o.channel_id::varchar as channel_id,
    coalesce(nullif(o.default_currency_code, ''), o.currency_code) as currency,
    o.has_tax_in as is_tax_included,
    o.total_inc_tax::decimal(18, 4) as total_amount,
    case
        when o.status_id in (5, 6) then 0
        else o.total_inc_tax - coalesce(o.refunded_amount, 0) + coalesce(g.amount, 0)
    end::decimal(18, 4) as current_total_amount,
    case when o.has_tax_in then o.subtotal_inc_tax else o.subtotal_ex_tax end::decimal(18, 4) as subtotal_amount,
    case when o.has_tax_in
        then o.shipping_cost_inc_tax + coalesce(o.handling_cost_inc_tax, 0) + coalesce(o.wrapping_cost_inc_tax, 0)
        else o.shipping_cost_ex_tax + coalesce(o.handling_cost_ex_tax, 0) + coalesce(o.wrapping_cost_ex_tax, 0)
    end::decimal(18, 4) as shipping_amount,
    o.total_tax::decimal(18, 4) as tax_amount,
    (coalesce(o.discount_amount, 0) + coalesce(o.coupon_discount, 0))::decimal(18, 4) as discount_amount,
    coalesce(list_sum(list_transform(o.captures, lambda c: c.amount)), 0)::decimal(18, 4) as captured_amount,
    coalesce(o.refunded_amount, 0)::decimal(18, 4) as refunded_amount,
    case
        when o.total_inc_tax = 0 and coalesce(o.payment_status, '') = '' then 'captured'
        else
            case coalesce(o.payment_status, '')
                when '' then 'pending'
                when 'pending' then 'pending'
                when 'declined' then 'pending'
                when 'held for review' then 'pending'
                when 'authorized' then 'authorised'
                when 'capture pending' then 'authorised'
                when 'captured' then 'captured'
                when 'paid' then 'captured'
                when 'partially refunded' then 'part_refunded'
                when 'refunded' then 'refunded'
                when 'void' then 'voided'
                when 'void pending' then 'voided'
                else 'unknown'
            end
    end as payment_code,
    o.payment_status as payment_status_raw,
    case
        when o.total_inc_tax = 0 then try_strptime(nullif(o.date_created, ''), '%a, %d %b %Y %H:%M:%S %z')
        else coalesce(
            list_filter(
                o.captures,
                lambda c, i: list_sum(list_transform(o.captures[:i], lambda d: d.amount)) >= o.total_inc_tax
            )[1].at,
            case
                when o.payment_status in ('captured', 'paid', 'partially refunded', 'refunded')
                    then coalesce(o.captures[-1].at, try_strptime(nullif(o.date_created, ''), '%a, %d %b %Y %H:%M:%S %z'))
            end
        )
    end as paid_at,
    case
        when o.status_id in (2, 10) then 'fulfilled'
        when o.status_id = 3 then 'part_fulfilled'
        when o.status_id in (12, 13) then 'on_hold'
        when o.status_id in (1, 7, 8, 9, 11) then 'unfulfilled'
        when o.status_id not in (4, 5, 6, 14) then 'unknown'
        -- refunded, cancelled, declined: how much was sent is in the counts
        when coalesce(o.items_shipped, 0) = 0 then 'unfulfilled'
        when o.items_shipped < o.items_total then 'part_fulfilled'
        else 'fulfilled'
    end as fulfilment_code,
    o.status as fulfilment_status_raw,
    case when o.customer_id > 0 then o.system || ':' || o.customer_id end as customer_key,
    nullif(trim(o.billing_address.email), '') as customer_email,
    nullif(trim(concat_ws(' ', trim(o.ship_to.first_name), trim(o.ship_to.last_name))), '') as ship_to_name,
    nullif(trim(o.ship_to.first_name), '') as ship_to_first_name,
    nullif(trim(o.ship_to.last_name), '') as ship_to_last_name,
    nullif(trim(o.ship_to.company), '') as ship_to_company,
    nullif(trim(o.ship_to.street_1), '') as ship_to_line1,
    nullif(trim(o.ship_to.street_2), '') as ship_to_line2,
    nullif(trim(o.ship_to.city), '') as ship_to_city,
    nullif(trim(o.ship_to.state), '') as ship_to_region,
    nullif(trim(o.ship_to.zip), '') as ship_to_postcode,
    nullif(trim(o.ship_to.country_iso2), '') as ship_to_country_code,
    nullif(trim(o.ship_to.phone), '') as ship_to_phone,
    coalesce(
        nullif(trim(o.ship_to.shipping_method), ''), nullif(trim(o.consignments.pickups[1].pickup_method_display_name), '')
    ) as delivery_option,
    null::date as promised_on,
    nullif(trim(o.customer_message), '') as note,
    []::varchar[] as tags,
    md5(array_to_string(
        list_sort(list_transform(
            list_filter(o.lines, lambda l: l.quantity > 0),
            lambda l: concat_ws(
                ':',
                coalesce(l.sku, ''),
                l.quantity,
                case when o.has_tax_in then l.price_inc_tax else l.price_ex_tax end::decimal(18, 4)
            )
        )),
        ','
    )) as basket_fingerprint,
    s.admin_url || '/manage/orders/' || o.order_id as url,
    o._first_seen_at as first_seen_at,
    o._read_at as read_at,
    -- archived is as good as gone: the list shows it no more
    case when o.is_deleted then coalesce(o._gone_at, o._read_at) else o._gone_at end as gone_at
from orders as o
left join {{ source('estate', 'systems') }} as s on s.system = o.system
left join goodwill as g on g.system = o.system and g.order_id = o.id
