{{ union_vendors('facilities') }}
