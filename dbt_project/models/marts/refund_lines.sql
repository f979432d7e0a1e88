{{ union_vendors('refund_lines') }}
