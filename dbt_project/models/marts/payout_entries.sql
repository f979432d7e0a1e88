{{ union_vendors('payout_entries') }}
