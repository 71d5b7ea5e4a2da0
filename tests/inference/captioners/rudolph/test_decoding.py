"""Drafts: greedy ones equal ru-dolph's, sampled ones keep to top-k and top-p, several photos are averaged."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from inference.captioners.rudolph.convert import build
from inference.captioners.rudolph.decoding import Prefix, Sampling, generate_drafts, sample
from inference.captioners.rudolph.model import Rudolph
from inference.captioners.rudolph.tokenizer import EOS, RudolphTokenizer, pad_ids
from inference.checkpoints import youtokentome
from tests.support.models import rudolph

SAMPLING = Sampling(top_k=20, top_p=0.9, temperature=1.0)


@cache
def model(layout: str = "350M") -> Rudolph:
    built = build(rudolph.arguments(layout))
    built.load_state_dict(rudolph.state(layout))
    return built.eval()


def tokenizer(layout: str = "350M") -> RudolphTokenizer:
    tokenizer: Tokenizer = youtokentome.load_tokenizer(rudolph.RECORDED / "bpe.model")
    return RudolphTokenizer(tokenizer, special=rudolph.LAYOUTS[layout]["text_special_tokens"] > 0)


def build_prefixes(layout: str, fields: str = "") -> list[Prefix]:
    """One for each of the recorded photos."""
    tokenizer_, sizes = tokenizer(layout), rudolph.LAYOUTS[layout]
    left = pad_ids(tokenizer_.encode(fields, "<LT_I2T>"), sizes["l_text_seq_length"])
    right = torch.tensor(tokenizer_.encode("на картинке", "<RT_I2T>"))
    codes = rudolph.answers()[layout]["codes"]
    return [Prefix(left, (torch.tensor(each),), right) for each in codes]


def likeliest(count: int, max_tokens: int) -> Tensor:
    return torch.zeros(count, 1, max_tokens)


@pytest.mark.parametrize("layout", rudolph.LAYOUTS)
class TestAgainstRuDolph:
    """`generate_captions` and `generate_texts` of ai-forever/ru-dolph@f01ac62 with top_k=1."""

    @pytest.mark.parametrize(("fields", "which"), [("", 0), ("Цена: <PRICE>", 1)])
    def test_captions_are_equal(self, layout: str, fields: str, which: int) -> None:
        asked, tokenizer_ = build_prefixes(layout, fields), tokenizer(layout)
        assert asked[0].right is not None
        begun = asked[0].right.tolist()
        max_tokens = rudolph.LAYOUTS[layout]["r_text_seq_length"] - len(begun)
        drafts = generate_drafts(model(layout), asked, likeliest(3, max_tokens), SAMPLING)
        texts = [tokenizer_.decode([*begun, *several[0]]) for several in drafts]
        assert texts == [captions[0] for captions in rudolph.answers()[layout]["captions"][which::2]]

    def test_texts_without_a_photo_are_continued_equally(self, layout: str) -> None:
        tokenizer_ = tokenizer(layout)
        begun = tokenizer_.encode("Куртка синяя, цена: <PRICE>", "<LT_T2T>")
        max_tokens = rudolph.LAYOUTS[layout]["l_text_seq_length"] - len(begun)
        [[draft]] = generate_drafts(model(layout), [Prefix(torch.tensor(begun))], likeliest(1, max_tokens), SAMPLING)
        assert [tokenizer_.decode([*begun, *draft])] == rudolph.answers()[layout]["continued"]


class TestGenerateDrafts:
    def test_drafts_of_one_prefix_equal_those_generated_alone(self) -> None:
        uniforms = torch.rand(3, 2, 5, generator=torch.Generator().manual_seed(1))
        together = generate_drafts(model(), build_prefixes("350M"), uniforms, SAMPLING)
        alone = [
            generate_drafts(model(), [reading], uniforms[n : n + 1, m : m + 1], SAMPLING)[0][0]
            for n, reading in enumerate(build_prefixes("350M"))
            for m in range(2)
        ]
        assert [draft for several in together for draft in several] == alone
        assert len({tuple(draft) for draft in alone}) > 3

    def test_of_one_photo_twice_the_text_is_that_of_the_photo(self) -> None:
        first, _, _ = build_prefixes("350M")
        twice = Prefix(first.left, first.images * 2, first.right)
        assert generate_drafts(model(), [twice], likeliest(1, 8), SAMPLING) == generate_drafts(
            model(), [first], likeliest(1, 8), SAMPLING
        )

    def test_log_probabilities_of_photos_of_one_thing_are_averaged(self) -> None:
        first, second, third = build_prefixes("350M")
        both = Prefix(first.left, first.images + third.images, first.right)
        [[draft]] = generate_drafts(model(), [both], likeliest(1, 1), SAMPLING)
        assert first.right is not None
        with torch.inference_mode():
            logits = model()(first.left.expand(2, -1), torch.stack(both.images), first.right.expand(2, -1))
        uniforms = logits[:, -1, : model().config.text_vocab_size].log_softmax(-1).mean(0)
        assert draft == [int(uniforms.argmax())]
        mixed = generate_drafts(model(), [second, both], likeliest(2, 8), SAMPLING)
        assert mixed[1] == generate_drafts(model(), [both], likeliest(1, 8), SAMPLING)[0]

    def test_vectors_may_stand_for_the_left_text_and_for_the_image(self) -> None:
        rudolph_, (first, *_) = model(), build_prefixes("350M")
        ids = torch.where(first.left == 0, torch.arange(len(first.left)) + rudolph_.config.text_vocab_size, first.left)
        with torch.no_grad():
            left, image = rudolph_.text_embeddings(ids), rudolph_.image_embeddings(first.images[0])
        soft = Prefix(left, (image,), first.right)
        assert generate_drafts(rudolph_, [soft], likeliest(1, 8), SAMPLING) == generate_drafts(
            rudolph_, [first], likeliest(1, 8), SAMPLING
        )


class TestSample:
    CONFIG = model().config

    def counts(self, shares: list[float], sampling: Sampling) -> list[int]:
        """How often of 1,000 even uniforms each id comes."""
        scores = torch.full((1, 1000, self.CONFIG.text_vocab_size), float("-inf"))
        scores[..., : len(shares)] = torch.tensor(shares).log()
        uniforms = torch.arange(1000).view(1, -1) / 1000
        frequencies = sample(scores, uniforms, sampling, self.CONFIG, 0)[0].bincount(minlength=len(shares))
        return [int(number) for number in frequencies]

    def test_ids_come_as_often_as_is_likely(self) -> None:
        frequencies = self.counts([0.1, 0.6, 0.3], Sampling(top_k=10, top_p=1.0, temperature=1.0))
        assert frequencies == pytest.approx([100, 600, 300], abs=2)

    def test_top_k_leaves_the_likeliest(self) -> None:
        frequencies = self.counts([0.1, 0.6, 0.3], Sampling(top_k=2, top_p=1.0, temperature=1.0))
        assert frequencies == pytest.approx([0, 667, 333], abs=2)

    def test_top_p_leaves_those_before_which_the_share_is_not_reached(self) -> None:
        frequencies = self.counts([0.1, 0.6, 0.3], Sampling(top_k=10, top_p=0.7, temperature=1.0))
        assert frequencies == pytest.approx([0, 667, 333], abs=2)
        assert self.counts([0.1, 0.6, 0.3], Sampling(top_k=10, top_p=0.5, temperature=1.0)) == [0, 1000, 0]

    def test_a_low_temperature_is_bolder_for_the_likeliest(self) -> None:
        frequencies = self.counts([0.5, 0.25, 0.25], Sampling(top_k=10, top_p=1.0, temperature=0.5))
        assert frequencies == pytest.approx([667, 167, 166], abs=2)

    def test_a_special_id_is_the_end_and_comes_after_the_least_length(self) -> None:
        scores = torch.zeros(1, 1, self.CONFIG.text_vocab_size)
        scores[..., -1] = 9.0
        greedy, uniforms = Sampling(top_k=1, top_p=1.0, temperature=1.0, min_new_tokens=2), torch.zeros(1, 1)
        assert int(sample(scores, uniforms, greedy, self.CONFIG, 2)) == EOS
        assert int(sample(scores, uniforms, greedy, self.CONFIG, 1)) not in (EOS, self.CONFIG.text_vocab_size - 1)
