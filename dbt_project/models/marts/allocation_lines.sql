{{ union_vendors('allocation_lines', of='warehouse_order_key', role='warehouse') }}
