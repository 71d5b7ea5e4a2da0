"""The pipeline from valid listings to descriptions, with a captioner whose drafts are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import pytest
import torch
from PIL import Image
from torch import Tensor

from inference.captioners.base import Prompt
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, InvalidInput, Message, catch_invalid, map_valid
from inference.facts.photos import PhotoClassifier
from inference.listing.types import Description, Numbers, Submission, Timings, Upload, Verdict
from inference.listing.validation import build_job
from inference.moderation.checks import Checks
from inference.moderation.match import MatchPolicy
from inference.moderation.nudity import Detection, NudityDetector
from inference.moderation.out_of_domain import OutOfDomainDetector
from inference.moderation.texts import ToxicityClassifier
from inference.pipeline import Models, describe
from tests.support.doubles import KnownCaptioner, KnownClassifier
from tests.support.models import tiny

FIELDS = "Предмет одежды: куртка\nЦвет: синий\nЦена: 5000 руб.\nРазмер: 44"
SHOES = FIELDS.replace("куртка", "кроссовки")  # the known classifier sees jackets


def submission(photos: int, attributes: str = "", first: int = 0) -> Submission:
    uploads = tuple(Upload(tiny.png(tiny.picture(first + number))) for number in range(photos))
    return Submission(uploads, attributes)


@pytest.fixture
def captioner() -> KnownCaptioner:
    return KnownCaptioner()


@pytest.fixture
def models(tiny_clip: Clip, tiny_checks: Checks, captioner: KnownCaptioner) -> Models:
    """Known facts and drafts, random weights for everything else; every pair of photos and text matches."""
    torch.manual_seed(0)
    diversity = DiversityClassifier(tiny.DIM, tiny.WIDTHS[-1], 8).eval()
    policy = MatchPolicy(-5.0)
    classifier = cast(PhotoClassifier, KnownClassifier())
    return Models(tiny_clip, captioner, diversity, classifier, replace(tiny_checks, match_policy=policy))


@pytest.fixture(autouse=True)
def single_things(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every listing offers one thing."""
    monkeypatch.setattr(models.diversity, "score", lambda views, text: 0.1)


Describe = Callable[..., list[Description | InvalidInput]]


@pytest.fixture
def describe_all(models: Models) -> Describe:
    """Describe submissions; errors keep their places, as in `opisalka batch`."""

    def run(
        *submissions: Submission,
        policy: MatchPolicy | None = None,
        checks: Checks = models.checks,
        numbers: Numbers = "values",
        seed: int = 0,
        accepts_warnings: bool = True,
    ) -> list[Description | InvalidInput]:
        build = partial(build_job, numbers=numbers, seed=seed, accepts_warnings=accepts_warnings)
        jobs = [catch_invalid(build, each) for each in submissions]
        chosen = replace(models, checks=replace(checks, match_policy=policy) if policy else checks)
        return map_valid(lambda valid: describe(valid, chosen), jobs)

    return run


def only(results: list[Description | InvalidInput]) -> Description:
    assert len(results) == 1
    assert isinstance(results[0], Description)
    return results[0]


def build_strict_rule(threshold: float = 1.1) -> MatchPolicy:
    return MatchPolicy(threshold)


def test_photos_and_text(describe_all: Describe, captioner: KnownCaptioner) -> None:
    """The look is the captioner's as far as the facts go, the rest is the seller's; the captioner gets tokens."""
    captioner.draft = "Синяя куртка с капюшоном. Размер <SIZE>. Цена <PRICE> руб."
    result = only(describe_all(submission(3, FIELDS)))
    assert (result.mode, result.checkpoint) == ("photos+text", "known")
    assert result.masked == "Предмет одежды: куртка\nЦвет: синий\nЦена: <PRICE> руб.\nРазмер: <SIZE>"
    assert result.text is not None
    assert result.text.startswith("Синяя куртка с капюшоном. ")
    assert result.draft == result.text.replace("5000", "<PRICE>").replace("44", "<SIZE>")
    assert result.text.count("5000 руб.") == result.text.count("44") == 1
    assert result.diversity is not None
    assert None not in [getattr(result.scores, name) for name in result.scores.__slots__]
    prompt = captioner.prompts[0]
    assert prompt.masked == result.masked
    assert prompt.mask_tokens == {"<PRICE>", "<SIZE>"}
    assert prompt.token == result.diversity.token
    assert (len(prompt.images), len(prompt.features)) == (3, 3)
    assert prompt.sheets[0].item == "куртка"


def test_facts_and_claims_say_where_they_come_from(describe_all: Describe, captioner: KnownCaptioner) -> None:
    captioner.draft = "Синяя куртка с капюшоном, короткий рукав, почти новая."
    result = only(describe_all(submission(1, "Цвет: синий")))
    assert [(fact.group, fact.value, fact.source) for fact in result.facts[:2]] == [
        ("colour", "синий", "field"),
        ("hood", "есть", "photo"),
    ]
    assert result.things == ("куртка",)
    verdicts = {(claim.group, claim.value): (claim.verdict, claim.kept) for claim in result.claims}
    assert verdicts["item", "куртка"] == verdicts["hood", "есть"] == ("seen", True)
    assert verdicts["colour", "синяя"] == ("seller", True)
    assert verdicts["sleeve", "короткий"] == verdicts["condition", "как новое"] == ("unsure", False)
    assert result.text == "Синяя куртка с капюшоном."


def test_photos_only(describe_all: Describe, captioner: KnownCaptioner) -> None:
    """Without text there are no mask, no source to compare with and no match."""
    result = only(describe_all(submission(2)))
    assert (result.mode, result.masked, result.text) == ("photos", None, "Синяя куртка с капюшоном.")
    assert result.diversity is not None
    assert (result.scores.source_similarity, result.scores.bertscore) == (None, None)
    assert result.scores.clipscore_mean is not None
    assert result.scores.photo_similarity_mean is not None
    assert captioner.prompts[0].masked == ""
    assert captioner.prompts[0].mask_tokens == frozenset()


def test_text_only(describe_all: Describe, captioner: KnownCaptioner) -> None:
    """Without photos the captioner gets the text alone, and photo scores are null."""
    result = only(describe_all(submission(0, "Куртка, за 5000")))
    assert (result.mode, result.text, result.diversity) == ("text", "Куртка, за 5000.", None)
    assert (result.scores.clipscore_mean, result.scores.photo_similarity_max) == (None, None)
    assert result.scores.source_similarity is not None
    assert result.scores.bertscore is not None
    assert (len(captioner.prompts[0].images), len(captioner.prompts[0].features)) == (0, 0)
    assert [prompt.token for prompt in captioner.prompts] == ["<SINGLE>"]


def test_a_captioner_of_looks_gets_neither_fields_nor_listings_without_photos(
    describe_all: Describe, captioner: KnownCaptioner
) -> None:
    captioner.reads_attributes = False
    with_photo, without = describe_all(submission(1, FIELDS), submission(0, FIELDS))
    assert [prompt.masked for prompt in captioner.prompts] == [""]
    for result in (with_photo, without):
        assert isinstance(result, Description)
        assert "5000 руб." in (result.text or "")


def test_nothing_at_all(describe_all: Describe, captioner: KnownCaptioner) -> None:
    """An empty submission is an error, and no model runs."""
    result = describe_all(Submission())
    assert isinstance(result[0], InvalidInput)
    assert captioner.prompts == []


def test_no_submission_gives_no_description(describe_all: Describe, captioner: KnownCaptioner) -> None:
    assert describe_all() == []
    assert captioner.batches == 0


def test_errors_and_refusals_stay_in_their_places(describe_all: Describe, captioner: KnownCaptioner) -> None:
    """A broken photo and a listing that does not match leave the rest of the batch as it is."""
    broken = Submission((Upload(b"no picture", "a.jpg"),))
    results = describe_all(
        submission(1, "Цвет: белый"),
        broken,
        submission(1, SHOES),
        submission(2),
        Submission(),
        submission(0, FIELDS),
        policy=build_strict_rule(),
    )
    kinds = ["error" if isinstance(each, InvalidInput) else each.text is not None for each in results]
    assert kinds == [True, "error", False, True, "error", True]
    assert [prompt.masked for prompt in captioner.prompts] == [
        "Цвет: белый",
        "",
        "Предмет одежды: куртка\nЦвет: синий\nЦена: <PRICE> руб.\nРазмер: <SIZE>",
    ]
    modes = [each.mode for each in results if isinstance(each, Description)]
    assert modes == ["photos+text", "photos+text", "photos", "text"]


def test_a_refused_listing_is_not_captioned(describe_all: Describe, captioner: KnownCaptioner) -> None:
    """It has its verdicts, but neither text nor scores."""
    result = only(describe_all(submission(2, SHOES), policy=build_strict_rule()))
    assert (result.text, result.draft, result.masked, result.diversity) == (None, None, None, None)
    assert not result.moderation.passed
    assert [getattr(result.scores, name) for name in result.scores.__slots__] == [None] * 7
    assert captioner.batches == 0
    assert result.timings.generate_s == result.timings.score_s == 0.0


def test_checks_come_in_their_order(describe_all: Describe) -> None:
    """Always photos, text and match; match has a score only when it applies."""
    matched, silent = describe_all(submission(1, FIELDS), submission(1, "Цена: 5"))
    assert isinstance(matched, Description)
    assert isinstance(silent, Description)
    for result in (matched, silent):
        assert [check.name for check in result.moderation.checks] == ["photos", "text", "match"]
        assert result.moderation.passed
    assert matched.moderation.checks[2].score is not None
    assert silent.moderation.checks[2].score is None


def test_match_compares_the_photos_with_the_seller_s_own_text(describe_all: Describe, tiny_clip: Clip) -> None:
    """Not with the generated text; the best matching photo counts."""
    result = only(describe_all(submission(2, FIELDS)))
    photos = tiny_clip.encode_images([tiny.picture(0), tiny.picture(1)]).embeddings
    expected = float((photos @ tiny_clip.encode_texts([FIELDS]).embeddings[0]).clamp(0, 1).max())
    assert result.moderation.checks[2].score == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "draft",
    [
        "Куртка. Цена <PRICE>. Рост <HEIGHT>.",
        "Куртка за 7000 руб. Размер <SIZE>.",
        "Куртка, размер <SIZE_2>, за <PRICE>.",
        "Куртка с капюшоном 48, на 2 пуговицах.",
        "Тёплая\x08 куртка.\nНа молнии\ufffd",
    ],
)
def test_numbers_and_words_that_the_captioner_invents_are_left_out(
    describe_all: Describe, captioner: KnownCaptioner, draft: str
) -> None:
    """The look names the thing; the numbers are the seller's, each said once."""
    captioner.draft = draft
    text = only(describe_all(submission(1, FIELDS))).text or ""
    assert text.startswith("Синяя куртка с капюшоном.")
    assert sorted(re.findall(r"\d+", text)) == ["44", "5000"]
    assert only(describe_all(submission(1))).text == "Синяя куртка с капюшоном."


def test_numbers_can_be_left_blank(describe_all: Describe, captioner: KnownCaptioner) -> None:
    text = only(describe_all(submission(0, "Куртка, размер 44, цена 5000 руб."), numbers="blanks")).text
    assert text == "Куртка, размер __, цена __ руб."


def test_the_seed_reaches_the_captioner(describe_all: Describe, captioner: KnownCaptioner) -> None:
    describe_all(submission(1), submission(0, FIELDS), seed=17)
    assert [prompt.seed for prompt in captioner.prompts] == [17, 17]


def test_a_captioner_of_one_photo_gets_the_best_one(
    describe_all: Describe, captioner: KnownCaptioner, tiny_clip: Clip
) -> None:
    """With text the photo nearest to it, without text the most typical photo."""
    captioner.max_photos = 1
    describe_all(submission(6, FIELDS), submission(6))
    features = tiny_clip.encode_images([tiny.picture(number) for number in range(6)])
    queries = (tiny_clip.encode_texts([FIELDS]).embeddings[0], features.embeddings.mean(0))
    for prompt, query in zip(captioner.prompts, queries, strict=True):
        best = int((features.embeddings @ query).argmax())
        assert [image.tobytes() for image in prompt.images] == [tiny.picture(best).tobytes()]
        assert_alike(prompt.features, ImageFeatures(features.embeddings[[best]], features.states[[best]]))


def assert_alike(first: ImageFeatures, second: ImageFeatures) -> None:
    assert torch.allclose(first.embeddings, second.embeddings, atol=1e-5)
    assert torch.allclose(first.states, second.states, atol=1e-5)


def test_each_listing_gets_the_features_of_its_own_photos(
    describe_all: Describe, captioner: KnownCaptioner, tiny_clip: Clip
) -> None:
    """All photos are encoded as one batch and split again in order."""
    describe_all(submission(2), submission(0, FIELDS), submission(3, first=2), submission(1, FIELDS, first=5))
    for prompt, (first, count) in zip(captioner.prompts, ((0, 2), (0, 0), (2, 3), (5, 1)), strict=True):
        assert_alike(
            prompt.features, tiny_clip.encode_images([tiny.picture(first + number) for number in range(count)])
        )


def test_a_listing_is_described_alike_alone_and_in_a_batch(describe_all: Describe) -> None:
    """Scores and diversity do not depend on the rest of the batch."""
    submissions = [submission(3, FIELDS), submission(1, "Цена: 100", first=4), submission(0, "Платье: белое")]
    for alone, together in zip(
        (only(describe_all(each)) for each in submissions), describe_all(*submissions), strict=True
    ):
        assert isinstance(together, Description)
        assert (together.text, together.masked, together.mode) == (alone.text, alone.masked, alone.mode)
        if alone.diversity:
            assert together.diversity is not None
            assert together.diversity.score == pytest.approx(alone.diversity.score, abs=1e-5)
        for name in alone.scores.__slots__:
            assert getattr(together.scores, name) == pytest.approx(getattr(alone.scores, name), abs=1e-5)


def test_the_whole_batch_is_captioned_at_once(describe_all: Describe, captioner: KnownCaptioner) -> None:
    describe_all(*[submission(1, first=number) for number in range(5)])
    assert (captioner.batches, len(captioner.prompts)) == (1, 5)


def test_times_add_up(describe_all: Describe) -> None:
    """The total is the sum of the steps, and each step that ran took some time."""
    for result in describe_all(submission(2, FIELDS), submission(0, FIELDS)):
        assert isinstance(result, Description)
        spent = result.timings
        steps = (spent.validate_s, spent.moderate_s, spent.generate_s, spent.score_s)
        assert spent.total_s == pytest.approx(sum(steps))
        assert min(steps) > 0


def test_the_time_of_validation_is_the_listing_s_own(models: Models) -> None:
    job = replace(build_job(submission(1)), timings=Timings(validate_s=12.5))
    (result,) = describe([job], models)
    assert result.timings.validate_s == 12.5
    assert result.timings.total_s > 12.5


@pytest.mark.parametrize("draft", ["", "<PHONE>", "\ufffd\ufffd", " …\n\u200b—"])
def test_a_draft_without_a_word_is_written_from_the_facts(
    describe_all: Describe, captioner: KnownCaptioner, draft: str
) -> None:
    captioner.draft = draft
    with_fields, photo_only = describe_all(submission(1, FIELDS), submission(1))
    for result in (with_fields, photo_only):
        assert isinstance(result, Description)
        assert (result.text or "").startswith("Синяя куртка с капюшоном.")
        assert result.moderation.passed


@pytest.mark.parametrize("text", ["Здравствуйте!", "Добрый день, вы тут?", "test"])
def test_a_greeting_is_no_listing(describe_all: Describe, text: str) -> None:
    """There is no text, all checks pass, and the reason says what is missing."""
    result = only(describe_all(submission(0, text)))
    assert result.text is None
    assert result.moderation.passed
    assert result.moderation.checks[1].reason == Message("nothing-described")
    assert [getattr(result.scores, name) for name in result.scores.__slots__] == [None] * 7


def test_a_captioner_that_fails_is_named(
    describe_all: Describe, captioner: KnownCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the first line of the reason; it is the checkpoint's fault, not a bug."""

    def generate(prompts: Sequence[Prompt]) -> list[str]:
        raise ValueError("Image features and image tokens do not match\ntokens: 0")

    monkeypatch.setattr(captioner, "generate", generate)
    with pytest.raises(CheckpointError) as raised:
        describe_all(submission(1, FIELDS))
    reason = "Image features and image tokens do not match"
    assert raised.value.message == Message("checkpoint-unusable", {"checkpoint": "captioner/known", "reason": reason})
    assert isinstance(raised.value.__cause__, ValueError)


def test_an_error_outside_of_the_captioner_propagates(
    describe_all: Describe, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.diversity, "score", lambda views, text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        describe_all(submission(1, FIELDS))


def test_prompts_differ_between_one_thing_and_many(
    describe_all: Describe, captioner: KnownCaptioner, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score decides the hidden token of each listing."""
    monkeypatch.setattr(models.diversity, "score", lambda views, text: 0.9 if len(views) > 2 else 0.1)
    describe_all(submission(3), submission(1), submission(0, FIELDS))
    tokens = [prompt.token for prompt in captioner.prompts]
    assert tokens == ["<VARIATIVE>", "<SINGLE>", "<SINGLE>"]


class RejectingTexts(ToxicityClassifier):
    """Rejects texts with a word; records all texts."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.texts: list[str] = []

    def judge(self, texts: Sequence[str]) -> list[Verdict]:
        self.texts += texts
        return [Verdict("text", passed=self.word not in text, score=0.5) for text in texts]


def test_generated_texts_are_moderated(describe_all: Describe, models: Models) -> None:
    """A rude generated text is rejected, with a reason that does not blame the seller."""
    texts = RejectingTexts("Синяя куртка")
    rude, plain = describe_all(
        submission(1, FIELDS), submission(1), checks=replace(models.checks, toxicity_classifier=texts)
    )
    assert texts.texts[:2] == [FIELDS, ""]
    assert [text.partition(".")[0] for text in texts.texts[2:]] == ["Синяя куртка с капюшоном"] * 2
    for result in (rude, plain):
        assert isinstance(result, Description)
        assert (result.text, result.moderation.passed) == (None, False)
        assert result.moderation.checks[1].reason == Message("written-refused")


def test_contacts_are_warned_of_or_erased_as_configured(describe_all: Describe, models: Models) -> None:
    fields = "Тёплая куртка. Пишите на vk.com/shop"
    warned, erased, silent = (
        only(describe_all(submission(0, fields), checks=replace(models.checks, contact_policy=policy)))
        for policy in ("warn", "erase", "off")
    )
    assert warned.moderation.checks[1].reason == Message("contact-messenger")
    assert warned.moderation.passed
    assert warned.text == silent.text == "Тёплая куртка. Пишите на vk.com/shop."
    assert erased.text == "Тёплая куртка."
    assert silent.moderation.checks[1].reason is None


class FixedDetector(NudityDetector):
    """Returns one detection for photos 61 px wide; records the sizes of its batches."""

    def __init__(self, detection: Detection) -> None:
        self.detection = detection
        self.batches: list[int] = []

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        self.batches.append(len(images))
        return [[self.detection] if image.width == 61 else [] for image in images]


def test_nudity_is_detected_in_all_photos_of_a_batch_at_once(describe_all: Describe, models: Models) -> None:
    """Each listing gets the numbers of its own photos."""
    detector = FixedDetector(Detection("FEMALE_BREAST_EXPOSED", 0.8, (0, 0, 5, 5)))
    bare = Upload(tiny.png(tiny.picture(3, (61, 48))))
    first = Submission((*submission(2).uploads, bare), "")
    refused, passed, none = describe_all(
        first, submission(4), submission(0, FIELDS), checks=replace(models.checks, nudity_detector=detector)
    )
    assert detector.batches == [7]
    assert isinstance(refused, Description)
    assert refused.moderation.checks[0] == Verdict(
        "photos", passed=False, score=0.8, reason=Message("photos-refused", {"count": 1, "numbers": "3"})
    )
    for result, score in ((passed, 0.0), (none, None)):
        assert isinstance(result, Description)
        assert result.moderation.checks[0] == Verdict("photos", score=score)


def test_a_doubt_is_confirmed_before_anything_is_written(
    describe_all: Describe, models: Models, captioner: KnownCaptioner
) -> None:
    """Only where the caller asks for it; the facts are read in either case, and the verdict is the same."""
    checks = replace(
        models.checks, nudity_detector=FixedDetector(Detection("FEMALE_BREAST_EXPOSED", 0.45, (0, 0, 5, 5)))
    )
    doubtful = Submission((Upload(tiny.png(tiny.picture(3, (61, 48)))),), FIELDS)
    asked = only(describe_all(doubtful, checks=checks, accepts_warnings=False))
    assert (asked.text, asked.draft, asked.needs_confirmation, captioner.batches) == (None, None, True, 0)
    assert asked.moderation.passed
    assert asked.facts
    assert [reason.code for reason in asked.moderation.doubts] == ["photos-warned"]
    written = only(describe_all(doubtful, checks=checks))
    assert written.text
    assert not written.needs_confirmation
    assert written.moderation == asked.moderation


@pytest.mark.parametrize(
    ("sure_item", "score", "unsure"),
    [(0.8, 0.1, ()), (0.95, 0.1, ("item",)), (0.8, 0.4, ("set",)), (0.95, 0.6, ("item", "set")), (0.8, 0.9, ())],
)
def test_what_the_photos_leave_open_is_named(
    describe_all: Describe,
    models: Models,
    monkeypatch: pytest.MonkeyPatch,
    sure_item: float,
    score: float,
    unsure: tuple[str, ...],
) -> None:
    """By the limits of the classifiers' cards; a text alone leaves nothing open."""
    monkeypatch.setattr(models.photo_classifier, "sure_item", sure_item)
    monkeypatch.setattr(models.diversity, "score", lambda views, text: score)
    shown, told = describe_all(submission(2), submission(0, FIELDS))
    assert isinstance(shown, Description)
    assert isinstance(told, Description)
    assert (shown.unsure, told.unsure) == (unsure, ())


def test_a_contact_is_warned_of_without_a_question(describe_all: Describe) -> None:
    text = "Куртка синяя, звоните 8 900 000-00-00"
    result = only(describe_all(submission(0, text), accepts_warnings=False))
    assert result.text
    assert not result.needs_confirmation
    assert [reason.code for reason in result.moderation.warnings] == ["contact-phone"]
    assert result.moderation.doubts == ()


def test_a_blank_photo_asks_no_question(describe_all: Describe) -> None:
    """There is nothing to confirm: the text is made of the words, or there is none to write."""
    written, empty = describe_all(
        Submission((BLANK,), "Куртка синяя"), Submission((BLANK,), ""), accepts_warnings=False
    )
    assert isinstance(written, Description)
    assert isinstance(empty, Description)
    for result in (written, empty):
        assert not result.needs_confirmation
        assert "photos-blank" in [reason.code for reason in result.moderation.warnings]
    assert written.text
    assert empty.text is None


def test_a_photo_without_clothes_is_named_by_its_number(
    describe_all: Describe, models: Models, tiny_clip: Clip
) -> None:
    """The out-of-domain detector gets the pixels of the whole batch, as the dual encoder does."""

    class ThirdOutOfDomain(OutOfDomainDetector):
        def predict(self, pixels: Tensor) -> Tensor:
            assert pixels.shape == (6, 3, tiny_clip.preprocessor.size, tiny_clip.preprocessor.size)
            return torch.tensor([-9.0, -9.0, -9.0, -9.0, -9.0, 9.0])

    policy = MatchPolicy(-1.0, photo_threshold=-0.2)
    passed, refused = describe_all(
        submission(3),
        submission(3, FIELDS),
        checks=replace(models.checks, match_policy=policy, out_of_domain_detector=ThirdOutOfDomain()),
    )
    assert isinstance(passed, Description)
    assert isinstance(refused, Description)
    reason = refused.moderation.checks[2].reason
    assert reason == Message("match-photos-warned", {"count": 1, "numbers": "3"})
    assert passed.moderation.checks[2].score is None


@pytest.mark.parametrize(
    ("label", "score", "passed"),
    [("FACE_MALE", 0.5, True), ("FACE_MALE", 0.49, False), ("FEET_COVERED", 0.9, False)],
)
def test_a_photo_of_a_person_is_less_out_of_domain(
    describe_all: Describe, models: Models, label: str, score: float, passed: bool
) -> None:
    """Whoever is seen is likely dressed, although the out-of-domain detector has never seen clothes worn."""

    class AllOutOfDomain(OutOfDomainDetector):
        def predict(self, pixels: Tensor) -> Tensor:
            return torch.full((len(pixels),), 19.0)

    checks = replace(models.checks, match_policy=MatchPolicy(-5.0, -0.3), out_of_domain_detector=AllOutOfDomain())
    detector = FixedDetector(Detection(label, score, (0, 0, 5, 5)))
    somebody = Submission((Upload(tiny.png(tiny.picture(3, (61, 48)))),), SHOES)
    moderation = only(describe_all(somebody, checks=replace(checks, nudity_detector=detector))).moderation
    assert (Message("match-warned") not in moderation.warnings) == passed


BLANK = Upload(tiny.png(Image.new("RGB", (64, 64), "white")))


def get_reason(result: Description, name: str) -> Message | None:
    return next(check.reason for check in result.moderation.checks if check.name == name)


def test_nothing_is_read_from_a_blank_photo(describe_all: Describe, captioner: KnownCaptioner) -> None:
    result = only(describe_all(Submission((BLANK,))))
    assert (result.text, result.diversity, result.moderation.passed, result.mode) == (None, None, True, "photos")
    assert get_reason(result, "photos") == Message("photos-blank", {"count": 1, "numbers": "1"})
    assert get_reason(result, "text") == Message("nothing-described")
    assert captioner.prompts == []


def test_a_blank_photo_among_others_is_named_and_left_out(describe_all: Describe, captioner: KnownCaptioner) -> None:
    photos = submission(2).uploads
    mixed, plain = describe_all(Submission((photos[0], BLANK, photos[1], BLANK), FIELDS), submission(2, FIELDS))
    assert isinstance(mixed, Description)
    assert isinstance(plain, Description)
    assert (mixed.text, mixed.facts) == (plain.text, plain.facts)
    assert get_reason(mixed, "photos") == Message("photos-blank", {"count": 2, "numbers": "2, 4"})
    assert len(captioner.prompts[0].images) == 2
    assert_alike(captioner.prompts[0].features, captioner.prompts[1].features)


def test_the_seller_s_words_are_written_beside_a_blank_photo(describe_all: Describe) -> None:
    result = only(describe_all(Submission((BLANK,), FIELDS)))
    assert result.text is not None
    assert "5000 руб." in result.text
    assert "куртка" in result.text.lower()
    assert result.diversity is None


def test_other_photos_keep_their_numbers_behind_a_blank_one(describe_all: Describe, models: Models) -> None:
    detector = FixedDetector(Detection("FEMALE_BREAST_EXPOSED", 0.8, (0, 0, 5, 5)))
    bare = Upload(tiny.png(tiny.picture(3, (61, 48))))
    checks = replace(models.checks, nudity_detector=detector)
    result = only(describe_all(Submission((BLANK, bare), FIELDS), checks=checks))
    assert get_reason(result, "photos") == Message("photos-refused", {"count": 1, "numbers": "2"})
