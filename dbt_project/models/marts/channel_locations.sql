{{ union_vendors('locations') }}
