{{ union_vendors('orders') }}
