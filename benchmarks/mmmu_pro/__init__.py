"""The benchmark mmmu_pro, described in card.md."""
