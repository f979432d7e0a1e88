{{ union_vendors('order_lines') }}
