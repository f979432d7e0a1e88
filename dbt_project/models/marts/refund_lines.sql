{{ union_vendors('refund_lines', of='order_key') }}
