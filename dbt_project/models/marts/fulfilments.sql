{{ union_vendors('fulfilments') }}
