"""The transformer against ai-forever/ru-dolph@f01ac62, whose outputs are in `tests/support/recorded/rudolph`."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from inference.captioners.rudolph.convert import build
from inference.captioners.rudolph.model import Cache, Rudolph
from tests.support.models import rudolph

ANSWERS = load_file(rudolph.RECORDED / "answers.safetensors")


@cache
def model(layout: str = "350M") -> Rudolph:
    built = build(rudolph.arguments(layout))
    built.load_state_dict(rudolph.state(layout))
    return built.eval()


@pytest.mark.parametrize("layout", rudolph.LAYOUTS)
class TestAgainstRuDolph:
    def test_logits_of_whole_sequences_are_equal(self, layout: str) -> None:
        with torch.inference_mode():
            logits = model(layout)(*rudolph.sequences(layout))
        torch.testing.assert_close(logits[:, :, ::8], ANSWERS[f"{layout}.logits"], atol=1e-4, rtol=0)

    def test_logits_of_cached_steps_are_equal(self, layout: str) -> None:
        """ru-dolph used its own cache; here the right text is run token by token behind two of its tokens."""
        left, image, right = rudolph.sequences(layout)
        steps = cached(model(layout), left, image, right[:, :7], 2)
        torch.testing.assert_close(steps[:, :, ::2], ANSWERS[f"{layout}.steps"], atol=1e-4, rtol=0)


class TestRudolph:
    def test_drafts_behind_one_prefix_run_as_if_each_had_its_own(self) -> None:
        rudolph_, (left, image, right) = model(), rudolph.sequences("350M")
        drafts = torch.stack([right[0, :4], right[1, :4], right[2, :4]])
        with torch.inference_mode():
            _, kept = rudolph_.prefill(rudolph_.embed(left[:1], image[:1], right[:1, :2]))
            cache_ = Cache(kept, drafts=3, max_tokens=4)
            steps = []
            for number in range(4):
                embedded = rudolph_.embed_right(drafts[:, number : number + 1], 2 + number).transpose(0, 1)
                steps.append(rudolph_.step(embedded, cache_)[0])
            whole = torch.cat([right[:1, :2].expand(3, -1), drafts], dim=1)
            states, _ = rudolph_.prefill(rudolph_.embed(left[:1].expand(3, -1), image[:1].expand(3, -1), whole))
        torch.testing.assert_close(torch.stack(steps, 1), states[:, -4:], atol=1e-4, rtol=0)

    def test_a_soft_prompt_of_the_texts_own_embeddings_is_that_text(self) -> None:
        rudolph_, (left, image, right) = model(), rudolph.sequences("350M")
        padded = torch.where(left == 0, torch.arange(left.shape[1]) + rudolph_.config.text_vocab_size, left)
        parts = rudolph_.text_embeddings(padded), rudolph_.image_embeddings(image), rudolph_.text_embeddings(right)
        with torch.inference_mode():
            torch.testing.assert_close(rudolph_(*parts), rudolph_(left, image, right))

    def test_logits_of_texts_and_of_codes_are_parts_of_all(self) -> None:
        rudolph_ = model()
        config = rudolph_.config
        with torch.inference_mode():
            states, _ = rudolph_.prefill(rudolph_.embed(*rudolph.sequences("350M")))
            whole: Tensor = rudolph_.to_logits(states)
            codes = whole[..., config.padded_text_vocab_size : config.padded_text_vocab_size + config.codes]
            torch.testing.assert_close(rudolph_.compute_text_logits(states), whole[..., : config.text_vocab_size])
            torch.testing.assert_close(rudolph_.compute_code_logits(states), codes)

    def test_padding_of_the_left_text_has_an_id_for_each_place(self) -> None:
        rudolph_ = model()
        embedded = rudolph_.embed_left(torch.zeros(1, 3, dtype=torch.long), start=2)
        config = rudolph_.config
        expected = rudolph_.text_embeddings.weight[config.text_vocab_size + 2 : config.text_vocab_size + 5]
        assert torch.equal(embedded[0], expected + rudolph_.l_text_pos_embeddings.weight[2:5])


def cached(rudolph_: Rudolph, left: Tensor, image: Tensor, right: Tensor, prefix: int) -> Tensor:
    """Logits behind each place of the right text from the last of the prefix on, (rows, places, ids)."""
    with torch.inference_mode():
        states, kept = rudolph_.prefill(rudolph_.embed(left, image, right[:, :prefix]))
        cache_, states = Cache(kept, drafts=1, max_tokens=right.shape[1]), states[:, -1:]
        logits = [rudolph_.compute_text_logits(states)]
        for place in range(prefix, right.shape[1]):
            states = rudolph_.step(rudolph_.embed_right(right[:, place : place + 1], place), cache_)
            logits.append(rudolph_.compute_text_logits(states))
        return torch.cat(logits, dim=1)
