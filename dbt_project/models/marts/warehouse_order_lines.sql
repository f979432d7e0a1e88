{{ union_vendors('warehouse_order_lines', of='warehouse_order_key', role='warehouse') }}
