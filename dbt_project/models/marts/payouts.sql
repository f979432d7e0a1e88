{{ union_vendors('payouts') }}
