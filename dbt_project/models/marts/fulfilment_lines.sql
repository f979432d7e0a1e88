{{ union_vendors('fulfilment_lines', of='order_key') }}
