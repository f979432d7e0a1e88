{{ union_vendors('flows') }}
