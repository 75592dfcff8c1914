"""Which clades validation keeps: everything that is chosen while training is chosen on them, and never on the test split."""

import hashlib

from .corpus import Record

PERCENT = 20
_SALT = "validation"

NEVER = frozenset({"phage-unassigned", "phage-metagenomic", "unassigned", "Baculoviridae"})
"""Groups that are no clade, and the one that is a fifth of all viral bases."""


def fold_name(record: Record) -> str:
    """The clade that stays whole. Clusters of actinobacteriophages are near each other, so they count as one."""
    return "phage-Actino" if record.clade.startswith("phage-Actino") else record.clade


def is_validation(record: Record) -> bool:
    return record.group not in NEVER and fold_percent(fold_name(record), _SALT) < PERCENT


def fold_percent(name: str, salt: str) -> int:
    """0 to 99, the same for a name and salt on every machine."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{name}".encode()).digest()[:8], "big") % 100
