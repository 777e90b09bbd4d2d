"""Each measure of a ranking beside its definition."""

from helpers import textbook
from reliseg.stats import ranking

MEASURES = {
    "auroc": (ranking.auroc, textbook.auroc),
    "average_precision": (ranking.average_precision, textbook.average_precision),
    "fpr95": (ranking.fpr_at_tpr, textbook.fpr95),
    "aurc": (ranking.area_under_risk, textbook.aurc),
    "risk80": (lambda p, n: ranking.risk_at(p, n, 80), lambda ties: textbook.risk(ties, 80)),
    "risk95": (lambda p, n: ranking.risk_at(p, n, 95), lambda ties: textbook.risk(ties, 95)),
}
