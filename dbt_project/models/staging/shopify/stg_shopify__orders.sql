-- Money is the shop's own (shopMoney), before returns. An order is paid from the capture with which its captures reach
-- its total; where they never do although the shop calls it paid (an edit took lines away), from the last of them.
with orders as (
    select
        *,
        split_part(id, '/', -1) as order_id,
        list_sort(list_transform(
            list_filter(transactions, lambda t: t.kind in ('SALE', 'CAPTURE') and t.status = 'SUCCESS'),
            lambda t: {'at': coalesce(t.processedAt, t.createdAt), 'amount': t.amountSet.shopMoney.amount}
        )) as captures
    from {{ source('shopify', 'orders') }}
)

select
    o.system || ':' || o.order_id as order_key,
    o.system,
    o.order_id,
    nullif(trim(o.name), '') as order_name,
    o.processedAt as placed_at,
    o.updatedAt as updated_at,
    o.cancelledAt as cancelled_at,
    coalesce(o.test, false) as is_test,
    o.sourceName as source_name,
    null::varchar as channel_id,
    o.currencyCode as currency,
    o.taxesIncluded as is_tax_included,
    o.totalPriceSet.shopMoney.amount::decimal(18, 4) as total_amount,
    o.currentTotalPriceSet.shopMoney.amount::decimal(18, 4) as current_total_amount,
    o.subtotalPriceSet.shopMoney.amount::decimal(18, 4) as subtotal_amount,
    o.totalShippingPriceSet.shopMoney.amount::decimal(18, 4) as shipping_amount,
    o.totalTaxSet.shopMoney.amount::decimal(18, 4) as tax_amount,
    o.totalDiscountsSet.shopMoney.amount::decimal(18, 4) as discount_amount,
    coalesce(list_sum(list_transform(o.captures, lambda c: c.amount)), 0)::decimal(18, 4) as captured_amount,
    o.totalRefundedSet.shopMoney.amount::decimal(18, 4) as refunded_amount,
    case o.displayFinancialStatus
        when 'PENDING' then 'pending'
        when 'AUTHORIZED' then 'authorised'
        when 'PARTIALLY_PAID' then 'part_captured'
        when 'PAID' then 'captured'
        when 'PARTIALLY_REFUNDED' then 'part_refunded'
        when 'REFUNDED' then 'refunded'
        when 'VOIDED' then 'voided'
        when 'EXPIRED' then 'expired'
        else 'unknown'
    end as payment_code,
    o.displayFinancialStatus as payment_status_raw,
    case
        when o.totalPriceSet.shopMoney.amount <= 0 then o.processedAt
        else coalesce(
            list_filter(
                o.captures,
                lambda c, i: list_sum(list_transform(o.captures[:i], lambda d: d.amount))
                >= o.totalPriceSet.shopMoney.amount
            )[1].at,
            case
                when o.displayFinancialStatus in ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED')
                    then coalesce(o.captures[-1].at, o.processedAt)
            end
        )
    end as paid_at,
    case o.displayFulfillmentStatus
        when 'UNFULFILLED' then 'unfulfilled'
        when 'OPEN' then 'unfulfilled'
        when 'RESTOCKED' then 'unfulfilled'
        when 'IN_PROGRESS' then 'unfulfilled'
        when 'PENDING_FULFILLMENT' then 'unfulfilled'
        when 'REQUEST_DECLINED' then 'unfulfilled'
        when 'PARTIALLY_FULFILLED' then 'part_fulfilled'
        when 'FULFILLED' then 'fulfilled'
        when 'ON_HOLD' then 'on_hold'
        when 'SCHEDULED' then 'scheduled'
        else 'unknown'
    end as fulfilment_code,
    o.displayFulfillmentStatus as fulfilment_status_raw,
    o.system || ':' || split_part(o.customer.id, '/', -1) as customer_key,
    nullif(trim(o.email), '') as customer_email,
    nullif(trim(o.shippingAddress.name), '') as ship_to_name,
    nullif(trim(o.shippingAddress.firstName), '') as ship_to_first_name,
    nullif(trim(o.shippingAddress.lastName), '') as ship_to_last_name,
    nullif(trim(o.shippingAddress.company), '') as ship_to_company,
    nullif(trim(o.shippingAddress.address1), '') as ship_to_line1,
    nullif(trim(o.shippingAddress.address2), '') as ship_to_line2,
    nullif(trim(o.shippingAddress.city), '') as ship_to_city,
    nullif(trim(o.shippingAddress.province), '') as ship_to_region,
    nullif(trim(o.shippingAddress.zip), '') as ship_to_postcode,
    nullif(trim(o.shippingAddress.countryCodeV2), '') as ship_to_country_code,
    nullif(trim(o.shippingAddress.phone), '') as ship_to_phone,
    nullif(trim(o.shippingLines.nodes[1].title), '') as delivery_option,
    -- The vendor has no field for a promised day; shops keep it as an attribute of the order, under one of these names.
    try_cast(
        list_filter(
            o.customAttributes,
            lambda a: regexp_replace(lower(a.key), '[^a-z]', '', 'g')
            in ('deliverydate', 'promiseddate', 'promisedon', 'nominatedday', 'requesteddeliverydate')
        )[1].value as date
    ) as promised_on,
    nullif(trim(o.note), '') as note,
    o.tags,
    md5(array_to_string(
        list_sort(list_transform(
            list_filter(o.lineItems.nodes, lambda l: l.quantity > 0),
            lambda l: concat_ws(
                ':', coalesce(l.sku, ''), l.quantity, l.originalUnitPriceSet.shopMoney.amount::decimal(18, 4)
            )
        )),
        ','
    )) as basket_fingerprint,
    s.admin_url || '/orders/' || o.order_id as url,
    o._first_seen_at as first_seen_at,
    o._read_at as read_at,
    o._gone_at as gone_at
from orders as o
left join {{ source('estate', 'systems') }} as s on s.system = o.system
