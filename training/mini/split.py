"""The clades kept for validation: all choices during training are made on them, and never on the test split."""

import hashlib

from .corpus import Record

PERCENT = 20
_SALT = "validation"

NEVER = frozenset({"phage-unassigned", "phage-metagenomic", "unassigned", "Baculoviridae"})
"""Groups that are no clade, and the group with a fifth of all viral bases."""


def fold_name(record: Record) -> str:
    """The clade that is never divided. Clusters of actinobacteriophages are closely related, so they count as one."""
    return "phage-Actino" if record.clade.startswith("phage-Actino") else record.clade


def is_validation(record: Record) -> bool:
    return record.group not in NEVER and fold_percent(fold_name(record), _SALT) < PERCENT


def fold_percent(name: str, salt: str) -> int:
    """0 to 99, the same for a name and salt on every machine."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{name}".encode()).digest()[:8], "big") % 100
