{{ union_vendors('payments', of='order_key') }}
