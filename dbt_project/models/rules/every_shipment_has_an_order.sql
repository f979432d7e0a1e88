-- Parcels that left for no order any channel knows.
with candidates as (
    select
        s.shipment_key as exception_key,
        'no_channel_order' as cause,
        s.system,
        s.warehouse_order_key as entity_key,
        s.despatched_at as since_at,
        wo.total_amount as amount,
        wo.currency,
        'parcel ' || s.shipment_id || ' of ' || coalesce(wo.reference, 'an order without a reference') as detail,
        s.url,
        null::timestamptz as ended_at,
        s.facility
    from {{ ref('parcels') }} as s
    left join {{ ref('orders_at_warehouse') }} as wo on wo.warehouse_order_key = s.warehouse_order_key
    where s.order_key is null
),

{{ when_due('candidates') }}
