{{ union_vendors('refunds') }}
