"""The 30 subjects of MMMU and their six domains, as the official evaluation has them."""

from __future__ import annotations

DOMAINS = {
    "ART_AND_DESIGN": ("Art", "Art_Theory", "Design", "Music"),
    "BUSINESS": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "SCIENCE": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "HEALTH_AND_MEDICINE": (
        "Basic_Medical_Science",
        "Clinical_Medicine",
        "Diagnostics_and_Laboratory_Medicine",
        "Pharmacy",
        "Public_Health",
    ),
    "HUMANITIES_AND_SOCIAL_SCIENCE": ("History", "Literature", "Psychology", "Sociology"),
    "TECH_AND_ENGINEERING": (
        "Agriculture",
        "Architecture_and_Engineering",
        "Computer_Science",
        "Electronics",
        "Energy_and_Power",
        "Materials",
        "Mechanical_Engineering",
    ),
}
SUBJECTS = tuple(sorted(subject for subjects in DOMAINS.values() for subject in subjects))
_DOMAIN_OF = {subject: domain for domain, subjects in DOMAINS.items() for subject in subjects}


def domain_of(subject: str) -> str:
    """The domain of a subject, "" for an unknown one."""
    return _DOMAIN_OF.get(subject, "")
