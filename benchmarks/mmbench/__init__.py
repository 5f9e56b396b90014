"""The benchmark mmbench, described in card.md."""
