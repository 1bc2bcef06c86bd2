"""How many clusters, by what margin, and what speaks against it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bayesgmm.report.verdicts import uncompared
from bayesgmm.report.wording import NBSP, capital, fixed, in_words, joined, percent

# Kass and Raftery (1995), doi:10.1080/01621459.1995.10476572: twice the log Bayes factor.
_GRADES = (
    (2.0, "barely", "under 2 is barely worth a mention"),
    (6.0, "some", "2 to 6 is some evidence"),
    (10.0, "strong", "6 to 10 is strong"),
    (float("inf"), "very strong", "over 10 is very strong"),
)
# Above these, clusters are said to overlap.
_WRONG = 0.05
_DOUBT = 0.10
# Standard errors of the lead from which leave-one-out is heard in the headline.
_DECISIVE = 4.0


@dataclass(frozen=True)
class Option:
    """A number of clusters and the shape they are given, for comparison with the chosen one.

    Attributes
    ----------
    k : int
    margin : float
        How much worse than the chosen one it is, by the criterion of the choice.
    se : float or None
        Standard error of the margin, where the criterion has one.
    shape : str
        As `shape_words`; empty if only one family was tried.
    """

    k: int
    margin: float
    se: float | None = None
    shape: str = ""


@dataclass(frozen=True)
class Prediction:
    """What leave-one-out says: the K it likes best and its lead over the chosen one.

    ``shape`` is that of the clusters, empty if only one family was tried; ``is_rough`` if the
    chains of that model disagree; ``is_shown`` if it is the model that the report shows at its K;
    ``flaw`` is why the comparison says nothing, empty if it does; ``caution`` why it is rough.
    """

    k: int
    difference: float
    se: float
    shape: str = ""
    is_rough: bool = False
    is_shown: bool = True
    flaw: str = ""
    caution: str = ""

    @property
    def is_tie(self) -> bool:
        """Whether the lead is under two standard errors, or under 4 nats."""
        return self.difference < 2.0 * self.se or self.difference < 4.0

    @property
    def is_decisive(self) -> bool:
        """Whether the lead leaves no doubt."""
        doubtful = self.is_tie or self.is_rough or bool(self.flaw or self.caution)
        return not doubtful and self.difference > _DECISIVE * self.se


@dataclass(frozen=True)
class Choice:
    """What is known about the choice of K.

    Attributes
    ----------
    k : int
    tried : tuple of int
    criterion : str
        Name of the criterion of the choice, as printed.
    shape : str
        Of the chosen clusters; empty if only one family was tried.
    rival, other_family : Option or None
        The best with another K, and the best of another family.
    others : mapping of str to int
        K that each other criterion of the same fits likes best.
    prediction : Prediction or None
    in_nats : bool
        Whether margins are differences of elpd rather than points.
    uncompared : mapping of int to str
        Where the criterion is known for the chosen K only: every other K -> what its fits did.
    n_parameters, n_values : int
        Of the chosen model, and of the data.
    collapsed : mapping of str to tuple of int
        Covariance family -> the K whose EM fits collapsed and are left out of the criterion.
    flat : tuple of str
        Columns that do not vary in a cluster of those.
    flaw, caution : str
        Where the criterion is of posteriors: why it says nothing of the chosen one, or too little.
    """

    k: int
    tried: tuple[int, ...]
    criterion: str
    shape: str = ""
    rival: Option | None = None
    other_family: Option | None = None
    others: dict[str, int] = field(default_factory=dict)
    prediction: Prediction | None = None
    in_nats: bool = False
    uncompared: dict[int, str] = field(default_factory=dict)
    n_parameters: int = 0
    n_values: int = 0
    collapsed: dict[str, tuple[int, ...]] = field(default_factory=dict)
    flat: tuple[str, ...] = ()
    flaw: str = ""
    caution: str = ""

    @property
    def heard(self) -> Prediction | None:
        """What leave-one-out says, where it says anything."""
        return None if self.prediction is None or self.prediction.flaw else self.prediction

    @property
    def is_undetermined(self) -> bool:
        """Whether there are fewer than two values in the data for each parameter."""
        return 2 * self.n_parameters > self.n_values > 0

    @property
    def is_given(self) -> bool:
        """Whether no other K was tried."""
        return len(self.tried) == 1 and not self.uncompared

    @property
    def is_contradicted(self) -> bool:
        """Whether leave-one-out prefers another K beyond doubt."""
        prediction = self.prediction
        return prediction is not None and prediction.k != self.k and prediction.is_decisive

    @property
    def is_close(self) -> bool:
        """Whether the best other K is about as good."""
        return self.rival is not None and is_close(self.rival, self.in_nats)

    @property
    def is_at_edge(self) -> bool:
        """Whether the chosen K is the largest of several tried."""
        return len(self.tried) > 1 and self.k == max(self.tried)


@dataclass(frozen=True)
class Placement:
    """How surely the rows are placed: rows, rows in doubt, rows expected in the wrong cluster.

    ``empty`` are clusters (from 0) that are the likeliest of no row.
    """

    n_rows: int
    n_doubt: int
    expected_wrong: float
    empty: tuple[int, ...] = ()

    @property
    def overlaps(self) -> bool:
        """Whether clusters overlap so much that labels mislead."""
        wrong, doubt = self.expected_wrong / self.n_rows, self.n_doubt / self.n_rows
        return wrong > _WRONG or doubt > _DOUBT


def grade(margin: float) -> str:
    """How strong a difference in BIC is: barely, some, strong or very strong."""
    return next(word for limit, word, _ in _GRADES if margin < limit or word == "very strong")


def margin_words(margin: float, criterion: str = "BIC") -> str:
    """What a margin of so many points means; AIC and ICL have no such scale."""
    if criterion != "BIC":
        return ""
    return next(words for limit, word, words in _GRADES if margin < limit or word == "very strong")


def is_close(option: Option, in_nats: bool = False) -> bool:
    """Whether an option is about as good as the chosen one."""
    if in_nats:
        return Prediction(option.k, option.margin, option.se or 0.0).is_tie
    return option.margin < 2.0


def clusters(k: int, noun: bool = True) -> str:
    """``two clusters``, ``one cluster``, or the number alone."""
    return f"{in_words(k)} cluster{'s' if k != 1 else ''}" if noun else in_words(k)


def shape_words(family: str, n_features: int) -> str:
    """What a covariance family lets a cluster look like, and its name."""
    if n_features == 1:
        words = "one shared spread" if family == "tied" else "free spread"
    else:
        words = {
            "full": "free shape",
            "tied": "one shared shape",
            "diag": "shape along the axes",
            "spherical": "round shape",
        }.get(family, "its family's shape")
    return f"{words} ({family})"


def headline(
    choice: Choice,
    placement: Placement | None,
    chains_agree: bool = True,
    has_spike: bool = False,
    differs: bool = False,
) -> str:
    """The one line that answers: as sure as the checks and the margin allow, no surer.

    ``differs`` is whether the clusters of the posterior are not those of EM.
    """
    text = _headline(choice, placement, chains_agree, has_spike, differs)
    if placement is None or not placement.empty:
        return text
    one = len(placement.empty) == 1
    which = f"cluster{'' if one else 's'} {joined(j + 1 for j in placement.empty)}"
    return f"{text}; {which} {'holds' if one else 'hold'} no row"


def _headline(
    choice: Choice,
    placement: Placement | None,
    chains_agree: bool,
    has_spike: bool,
    differs: bool,
) -> str:
    many = capital(clusters(choice.k))
    if has_spike:
        return "No answer yet: a cluster has shrunk onto a handful of rows"
    if not chains_agree:
        return "No answer yet: the chains disagree"
    if choice.uncompared:
        return uncompared.headline(choice.uncompared, choice.in_nats)
    if choice.flaw:
        return f"No answer yet: {choice.flaw}"
    if choice.is_undetermined:
        return (
            f"Nothing is decided: {in_words(choice.n_values)} values for a model of "
            f"{in_words(choice.n_parameters)} parameters"
        )
    if choice.k == 1:
        if choice.is_given:
            return "One Gaussian for all rows: no other number was tried"
        if choice.is_close:
            assert choice.rival is not None
            return f"One group, barely preferred to {in_words(choice.rival.k)}"
        if choice.is_contradicted:
            return _contradicted(choice, "One group")
        return "No groups found: one Gaussian describes the rows as well as more would"
    if choice.is_given:
        many = f"{many}, as asked"
    elif choice.is_close:
        assert choice.rival is not None
        return f"{many}, barely preferred to {in_words(choice.rival.k)}"
    elif choice.is_at_edge:
        return f"{many} so far: no larger number was tried"
    elif choice.is_contradicted:
        return _contradicted(choice, many)
    if placement is None:
        return many
    if differs:
        return f"{many}, but EM and the posterior find different ones"
    if placement.overlaps:
        comma = "," if "," in many else ""
        return f"{many}{comma} that overlap: {_overlap_share(placement)}"
    joint = ": " if "," in many else ", and "
    return f"{many}{joint}{placed_rows(placement)} placed with confidence"


def _contradicted(choice: Choice, many: str) -> str:
    assert choice.prediction is not None
    k = choice.prediction.k
    verb = "predicts" if k == 1 else "predict"
    return f"{many} by {choice.criterion}, but {in_words(k)} {verb} new rows better"


def placed_rows(placement: Placement) -> str:
    """``all 272 rows``, ``all but one of the 272 rows``, ``all but 7 of the 272 rows``."""
    n, doubt = placement.n_rows, placement.n_doubt
    if doubt == 0:
        return f"all {n} rows"
    return f"all but {in_words(doubt)} of the {n} rows"


def _overlap_share(placement: Placement) -> str:
    if placement.n_doubt / placement.n_rows > _DOUBT:
        return f"{percent(placement.n_doubt / placement.n_rows)} of the rows are in doubt"
    wrong = fixed(placement.expected_wrong, 0)
    return f"about {wrong} of {placement.n_rows} rows are expected in the wrong one"


def preference(choice: Choice) -> str:
    """By how much the criterion of the choice prefers it to the nearest other K."""
    rival = choice.rival
    if choice.uncompared:
        return uncompared.known_sentence(
            choice.criterion, choice.k, choice.uncompared, choice.in_nats
        )
    if rival is None:
        return f"K = {choice.k} was given: no other number was tried, so nothing supports it yet."
    ours = f"{clusters(choice.k)}{_of(choice.shape)}"
    theirs = f"{in_words(rival.k)}{_of(rival.shape if rival.shape != choice.shape else '')}"
    text = capital(_prefers(choice, rival, ours, theirs))
    if choice.is_undetermined:
        text = (
            f"{text} With {choice.n_values} values for {choice.n_parameters} parameters that "
            "decides nothing: take fewer clusters, a simpler shape or more rows."
        )
    if choice.caution:
        text = f"{text} Read it as rough: {choice.caution}."
    return text


def family_sentence(choice: Choice, n_families: int) -> str:
    """Which fits collapsed, and how the chosen family compares with the best of the others."""
    return " ".join(
        text for text in (_collapse(choice, n_families), _families(choice, n_families)) if text
    )


def _collapse(choice: Choice, n_families: int) -> str:
    groups: dict[tuple[int, ...], list[str]] = {}
    for family, numbers in choice.collapsed.items():
        groups.setdefault(numbers, []).append(family)
    if not groups:
        return ""
    which = joined(
        f"{joined(families)} with {uncompared.clusters_of(numbers)}"
        if n_families > 1
        else uncompared.clusters_of(numbers)
        for numbers, families in groups.items()
    )
    onto = "a few rows"
    if choice.flat:
        vary = "does" if len(choice.flat) == 1 else "do"
        onto = f"rows in which {joined(choice.flat)} {vary} not vary"
    return f"The EM fits of {which} collapsed onto {onto} and are left out of {choice.criterion}."


def _families(choice: Choice, n_families: int) -> str:
    other = choice.other_family
    if other is None or n_families < 2:
        return ""
    if choice.rival is not None and (other.k, other.shape) == (choice.rival.k, choice.rival.shape):
        if n_families == 2:
            return ""
        if choice.collapsed:
            return "No fit of another family that did not collapse comes closer."
        return f"None of the other {in_words(n_families - 1)} covariance families comes closer."
    best = f"{clusters(other.k)}{_of(other.shape)}, is {_behind(choice, other)}."
    if choice.collapsed:
        return f"Of the fits of other families that did not collapse the best, {best}"
    others = (
        "the other family" if n_families == 2 else f"the other {in_words(n_families - 1)} families"
    )
    return f"The best of {others}, {best}"


def _prefers(choice: Choice, option: Option, ours: str, theirs: str) -> str:
    barely = "barely " if not choice.in_nats and is_close(option) else ""
    margin = _margin(choice, option)
    return f"{choice.criterion} {barely}prefers {ours} to {theirs}, by {margin}."


def _behind(choice: Choice, option: Option) -> str:
    amount, bracket, meaning = _margin(choice, option).partition(" (")
    return f"{amount} behind{bracket}{meaning}"


def _margin(choice: Choice, option: Option) -> str:
    if choice.in_nats:
        lead = f"{fixed(option.margin, 1)} nats (standard error {fixed(option.se, 1)}"
        return f"{lead}{': too little to call' if is_close(option, True) else ''})"
    meaning = margin_words(option.margin, choice.criterion)
    points = f"{fixed(option.margin, 2 if option.margin < 2.0 else 1)} points"
    return f"{points}{f' ({meaning})' if meaning else ''}"


def _of(shape: str) -> str:
    return f" of {shape}" if shape else ""


def criteria_sentence(choice: Choice) -> str:
    """Whether the other criteria agree with the choice; empty if there is nothing to compare."""
    if choice.is_given:
        return ""
    parts = []
    agreeing = [name for name, k in choice.others.items() if k == choice.k]
    if agreeing:
        parts.append(f"{joined(agreeing)} {'agrees' if len(agreeing) == 1 else 'agree'}")
    differing = {name: k for name, k in choice.others.items() if k != choice.k}
    for name, k in differing.items():
        why = ", because it charges for overlap" if name == "ICL" and k < choice.k else ""
        parts.append(f"{name} prefers {in_words(k)}{why}")
    text = "; ".join(parts)
    prediction = choice.prediction
    if prediction is None:
        return f"{text}." if text else ""
    if prediction.flaw:
        return f"{text}. {flaw_sentence(prediction)}" if text else flaw_sentence(prediction)
    if prediction.k == choice.k:
        agrees = "Leave-one-out prediction is best at the same number"
        agrees += f", with {prediction.shape}." if prediction.shape != choice.shape else "."
        agrees += _caution(prediction)
        return f"{text}. {agrees}" if text else agrees
    lead = f"{fixed(prediction.difference, 1)}"
    which = _predicted(choice, prediction)
    error = f"a standard error of {fixed(prediction.se, 1)}"
    if prediction.is_tie:
        loo = (
            f"Leave-one-out prediction leans to {which}, but by only {lead} nats "
            f"with {error}: too little to call."
        )
    elif choice.uncompared:
        loo = f"Leave-one-out prediction is better with {which}, by {lead} nats with {error}."
    else:
        loo = (
            f"Leave-one-out prediction is better with {which}, by {lead} nats with "
            f"{error}: take {in_words(choice.k)} to name groups, {in_words(prediction.k)} to "
            "describe the density."
        )
    if prediction.is_rough:
        loo = f"{loo} The chains of that model disagree, so read this as rough."
    elif not prediction.is_tie:
        loo += _caution(prediction)
    return f"{text}. {loo}" if text else loo


def flaw_sentence(prediction: Prediction) -> str:
    """Why leave-one-out says nothing."""
    return f"Leave-one-out prediction does not count here: {prediction.flaw}."


def flat_flaw(columns: Sequence[str], k: int) -> str:
    """Why predictions of a posterior say nothing where a cluster has shrunk onto single values."""
    vary = "does" if len(columns) == 1 else "do"
    return (
        f"with {in_words(k)}, {joined(columns)} {vary} not vary in a cluster, and only the priors "
        "bound the density there"
    )


def k_hat_words(n_high: int, max_k: float, good_k: float) -> str:
    """Of how many rows leave-one-out is unreliable, and how much so."""
    rows = f"{in_words(n_high)} row{'' if n_high == 1 else 's'}"
    return f"k-hat is over {fixed(good_k, 2)} for {rows}, up to {fixed(max_k, 2)}"


def _caution(prediction: Prediction) -> str:
    return f" Read this as rough: {prediction.caution}." if prediction.caution else ""


def _predicted(choice: Choice, prediction: Prediction) -> str:
    """K of the prediction, and its shape where a reader would take it for another."""
    if prediction.shape == choice.shape and prediction.is_shown:
        return in_words(prediction.k)
    return f"{in_words(prediction.k)}{_of(prediction.shape)}"


def edge_sentence(choice: Choice) -> str:
    """What to do when the largest K tried is the best; empty otherwise."""
    if not choice.is_at_edge:
        return ""
    return (
        f"{choice.k} is the largest number tried. Try more (--max-components) before trusting it."
    )


def skew_sentence(k: int, columns: Sequence[str]) -> str:
    """That components may stand for the skewness of some columns; empty without such columns."""
    if k == 1 or not columns:
        return ""
    names = joined(columns)
    if len(columns) == 1:
        which, logarithms = f"Column {names} is", "logarithm"
    else:
        which, logarithms = f"Columns {names} are", "logarithms"
    return (
        f"{which} positive and strongly skewed: some components may describe that rather than "
        f"groups. The {logarithms} may need fewer."
    )


def how_many_heading(choice: Choice) -> str:
    """Which criteria choose what, in one line."""
    if choice.is_given:
        return f"Only K{NBSP}={NBSP}{choice.k} was tried"
    ours = "LOO" if choice.criterion.startswith("leave") else choice.criterion
    votes: dict[int, list[str]] = {choice.k: [ours]}
    for name, k in choice.others.items():
        votes.setdefault(k, []).append(name)
    tail = ""
    prediction = choice.heard
    if prediction is not None and not choice.in_nats:
        if prediction.k != choice.k and prediction.is_tie:
            tail = f"; LOO cannot tell {in_words(choice.k)} from {in_words(prediction.k)}"
        else:
            votes.setdefault(prediction.k, []).append("LOO")
    parts = [
        f"{joined(names)} {'chooses' if len(names) == 1 else 'choose'} {in_words(k)}"
        for k, names in votes.items()
    ]
    if choice.uncompared:
        parts[0] = f"{ours} is known for {in_words(choice.k)} only"
        if prediction is not None and prediction.k == choice.k:
            parts.append(f"LOO chooses {in_words(choice.k)}")
    return f"{', '.join(parts)}{tail}"


def disagreement(choice: Choice, pair: tuple[int, int] | None = None) -> tuple[str, str] | None:
    """The finding and the advice when criteria do not agree, or None when they do.

    ``pair`` are the two clusters (from 0) that are mistaken for each other most.
    """
    if choice.uncompared:
        unfit = choice.in_nats or (choice.heard is None and choice.prediction is not None)
        found = f"{criteria_sentence(choice)} {uncompared.advice(unfit)}"
        return f"{capital(choice.criterion)} compared nothing.", found.strip()
    icl = choice.others.get("ICL")
    prediction = choice.heard
    leans = prediction is not None and prediction.k != choice.k
    differing = [name for name, k in choice.others.items() if k != choice.k]
    if not differing and not leans:
        return None
    advice = []
    if icl is not None and icl < choice.k:
        which = f" (clusters {pair[0] + 1} and {pair[1] + 1} most)" if pair else ""
        groups = "one group" if icl == 1 else f"{in_words(icl)} separate groups"
        advice.append(
            f"{choice.criterion} finds {in_words(choice.k)} components, ICL {groups}: some "
            f"components lie on each other{which}."
        )
    elif icl is not None and icl > choice.k:
        advice.append(f"ICL prefers {in_words(icl)}, although it charges for overlap.")
    if leans and prediction is not None:
        lead, error = fixed(prediction.difference, 1), fixed(prediction.se, 1)
        which = _predicted(choice, prediction)
        if prediction.is_tie:
            ratio = prediction.difference / prediction.se if prediction.se else 0.0
            advice.append(
                f"Leave-one-out is highest at {which}, but its lead of {lead} has "
                f"a standard error of {error} ({fixed(ratio, 1)} standard errors): a tie."
            )
        else:
            advice.append(
                f"Prediction is better with {which}, by {lead} with a standard "
                f"error of {error}. Take {in_words(choice.k)} to name groups, "
                f"{in_words(prediction.k)} to describe the density.{_caution(prediction)}"
            )
        if not prediction.is_shown:
            advice.append(
                f"The table by K shows the family that {choice.criterion} prefers at "
                f"{in_words(prediction.k)}; this fit is in the list of every fit."
            )
    rest = [name for name in differing if name != "ICL"]
    if rest:
        votes = joined(f"{name} prefers {in_words(choice.others[name])}" for name in rest)
        advice.append(f"{votes}.")
    agrees = prediction is not None and prediction.k == choice.k
    is_tie = prediction is not None and prediction.is_tie
    partly = agrees or is_tie or any(k == choice.k for k in choice.others.values())
    lead_sentence = "The criteria partly disagree." if partly else "The criteria disagree."
    return lead_sentence, " ".join(advice)
