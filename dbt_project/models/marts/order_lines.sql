{{ union_vendors('order_lines', of='order_key') }}
