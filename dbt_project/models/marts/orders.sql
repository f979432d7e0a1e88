{{ union_vendors('orders', of='order_key') }}
