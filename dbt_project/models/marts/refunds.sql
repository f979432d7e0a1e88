{{ union_vendors('refunds', of='order_key') }}
