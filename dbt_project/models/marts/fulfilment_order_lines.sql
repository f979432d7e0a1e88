{{ union_vendors('fulfilment_order_lines', of='order_key') }}
