{{ union_vendors('warehouse_return_lines', role='warehouse') }}
