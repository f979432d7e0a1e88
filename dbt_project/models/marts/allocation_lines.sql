{{ union_vendors('allocation_lines') }}
