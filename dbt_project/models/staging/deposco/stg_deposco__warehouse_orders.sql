-- From the release of its wave on an order cannot be stopped; before that the wave may be built and the order still be
-- taken out of it. A sales order made of a customer order has a number of its own: the sender's is the customer order's.
-- There is no currency anywhere, and no date of cancelling but the last change's.
with orders as (
    select
        *,
        coalesce("orderStatus", status) as order_status,
        coalesce(list_bool_or(list_transform(
            "orderLines".data,
            lambda line: coalesce(line."pickedPackQuantity", 0) > 0 or coalesce(line."shippedPackQuantity", 0) > 0
        )), false) as is_worked_on
    from {{ source('deposco', 'orders') }}
)

select
    o.system || ':' || o.self.id as warehouse_order_key,
    o.system,
    o.self.id::varchar as warehouse_order_id,
    coalesce(nullif(trim(o."customerOrderNumber"), ''), nullif(trim(o.number), '')) as reference,
    null::varchar as channel_id,
    case
        when o.order_status in ('New', 'Ready for Fulfillment', 'Wave Built') then 'released'
        when o.order_status in ('Draft', 'Hold') then 'on_hold'
        when o.order_status = 'Back Ordered' then 'awaiting_stock'
        when o.order_status in (
            'Partially Released', 'Released', 'Picking', 'Pick Complete', 'Partially Staged', 'Staged', 'Partially Loaded',
            'Loaded'
        ) then 'picking'
        when o.order_status = 'Partially Shipped' then 'released'
        when o.order_status = 'Ship Complete' then 'shipped'
        when o.order_status = 'Canceled' then 'cancelled'
        else 'unknown'
    end as status_code,
    o.order_status as status_raw,
    coalesce(o."createdDate", o."placedDate") as created_at,
    o."updatedDate" as updated_at,
    case when o.order_status = 'Ship Complete' then coalesce(o."actualShipDate", o."updatedDate") end as shipped_at,
    case when o.order_status = 'Canceled' then o."updatedDate" end as cancelled_at,
    null::varchar as merged_to_key,
    coalesce(o.order_status in (
        'Partially Released', 'Released', 'Picking', 'Pick Complete', 'Partially Staged', 'Staged', 'Partially Loaded', 'Loaded',
        'Partially Shipped', 'Ship Complete'
    ), false) or o.is_worked_on as is_past_no_return,
    nullif(trim(o."shipVia"), '') as delivery_method_id,
    nullif(concat_ws(
        ' ', nullif(trim(o."shipToContact"."firstName"), ''), nullif(trim(o."shipToContact"."lastName"), '')
    ), '') as ship_to_name,
    nullif(trim(o."shipToAddress".line1), '') as ship_to_line1,
    nullif(trim(o."shipToAddress".line2), '') as ship_to_line2,
    nullif(trim(o."shipToAddress".city), '') as ship_to_city,
    nullif(trim(o."shipToAddress"."postalCode"), '') as ship_to_postcode,
    nullif(trim(o."shipToAddress".country), '') as ship_to_country_code,
    null::varchar as currency,
    o."orderTotal"::decimal(18, 4) as total_amount,
    null::varchar as url,
    o._first_seen_at as first_seen_at,
    o._read_at as read_at,
    o._gone_at as gone_at
from orders as o
