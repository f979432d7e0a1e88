-- Every hop of every order, in time: ask for one order_key. Ids only, no person.
select
    order_key,
    placed_at as happened_at,
    'placed' as hop,
    system,
    order_name as ref,
    'for ' || total_amount || ' ' || currency as detail
from {{ ref('orders') }}
union all
select order_key, paid_at, 'paid', system, order_name, payment_code
from {{ ref('orders') }}
where paid_at is not null
union all
select order_key, first_seen_at, 'read', system, order_name, 'first seen by us'
from {{ ref('orders') }}
union all
select order_key, cancelled_at, 'cancelled', system, order_name, 'in the shop'
from {{ ref('orders') }}
where cancelled_at is not null
union all
select order_key, planned_at, 'planned', system, business_key, sync || ' ' || act || ', generation ' || generation
from {{ source('ops', 'operations') }}
where order_key is not null
union all
select o.order_key, a.intent_at, 'sent', o.system, o.business_key, a.action || coalesce(': ' || a.outcome, '')
from {{ source('ops', 'attempts') }} as a
inner join {{ source('ops', 'operations') }} as o on o.promise_id = a.promise_id
where o.order_key is not null
union all
select o.order_key, a.read_back_at, 'read back', o.system, o.business_key, a.action || ': ' || a.read_back
from {{ source('ops', 'attempts') }} as a
inner join {{ source('ops', 'operations') }} as o on o.promise_id = a.promise_id
where o.order_key is not null and a.read_back_at is not null
union all
select order_key, closed_at, state, system, business_key, sync || coalesce(': ' || nullif(reason, ''), '')
from {{ source('ops', 'operations') }}
where order_key is not null and closed_at is not null
union all
select order_key, created_at, 'in the warehouse', system, warehouse_order_id, coalesce(reference, '')
from {{ ref('warehouse_orders') }}
where order_key is not null
union all
select order_key, cancelled_at, 'cancelled in the warehouse', system, warehouse_order_id, coalesce(reference, '')
from {{ ref('warehouse_orders') }}
where order_key is not null and cancelled_at is not null
union all
select order_key, created_at, 'booked', system, split_part(booked_key, ':', 2), coalesce(reference, '')
from {{ ref('booked_orders') }}
where order_key is not null and role = 'erp'
union all
select wo.order_key, a.created_at, 'allocated', a.system, wo.warehouse_order_id, coalesce(a.facility, a.facility_id)
from {{ ref('allocations') }} as a
inner join {{ ref('warehouse_orders') }} as wo on wo.warehouse_order_key = a.warehouse_order_key
where wo.order_key is not null
union all
select order_key, despatched_at, 'despatched', system, shipment_id, concat_ws(' ', carrier, tracking_number)
from {{ ref('shipments') }}
where order_key is not null and despatched_at is not null
union all
select order_key, first_scan_at, 'first scan', system, shipment_id, coalesce(tracking_number, '')
from {{ ref('shipments') }}
where order_key is not null and first_scan_at is not null
union all
select order_key, delivered_at, 'delivered', system, shipment_id, coalesce(tracking_number, '')
from {{ ref('shipments') }}
where order_key is not null and delivered_at is not null
union all
select order_key, created_at, 'fulfilled in the shop', system, fulfilment_id, array_to_string(tracking_numbers, ', ')
from {{ ref('fulfilments') }}
union all
select order_key, refunded_at, 'refunded', system, refund_id, amount || ' ' || currency
from {{ ref('refunds') }}
union all
select order_key, created_at, 'return', system, return_id, status_code
from {{ ref('warehouse_returns') }}
where order_key is not null
union all
select entity_key, opened_at, 'exception opened', system, rule, cause || ': ' || detail
from {{ source('ops', 'exceptions') }}
union all
select entity_key, closed_at, 'exception closed', system, rule, cause || ' by ' || closed_by
from {{ source('ops', 'exceptions') }}
where closed_at is not null
