{{ union_vendors('fulfilment_orders', of='order_key') }}
