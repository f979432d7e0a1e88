{{ union_vendors('fulfilments', of='order_key') }}
