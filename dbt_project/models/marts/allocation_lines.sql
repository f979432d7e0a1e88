{{ union_vendors('allocation_lines', role='warehouse') }}
