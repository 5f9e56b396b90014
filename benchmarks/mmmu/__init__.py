"""The benchmark mmmu, described in card.md, and the official rules that it shares with mmmu_pro."""
