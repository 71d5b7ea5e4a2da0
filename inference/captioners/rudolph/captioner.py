"""The captioner of the family `rudolph`: photos as codes, fields as the left text, the description as the right text.

Several photos of one thing share one text; of different things, each photo gets its own. Without photos the left text
is continued, which is how ru-dolph generates text without an image.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import torch
from annotated_types import Ge, Gt, Le
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.generation.processors import build_processors
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.rudolph.decoding import Prefix, Sampling, count_row_elements, generate_drafts
from inference.captioners.rudolph.model import Rudolph, RudolphConfig
from inference.captioners.rudolph.ranking import pick_best
from inference.captioners.rudolph.tokenizer import RudolphTokenizer, Task, format_sentence, pad_ids
from inference.captioners.rudolph.vqgan import Vqgan, VqganConfig, preprocess
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.checkpoints.weights import fill_model
from inference.devices import Device

MODEL, IMAGES = "model.safetensors", "vqgan.safetensors"
_BEAMS: Final = ("num_beams", "length_penalty")  # this family samples


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    drafts: number of drafts per text (ru-dolph's notebook samples 48). template: start of the right text, left out of
    the description. top_p: nucleus of sampling, in (0, 1]. prompt: what the left text says
    of the fields, see `build_completion`.
    """

    drafts: Annotated[int, Ge(1), Le(64)] = 4
    template: str = "на картинке"
    top_p: Annotated[float, Gt(0), Le(1)] = 0.8
    prompt: str = "{attributes}"


@dataclass(frozen=True, slots=True)
class _Job:
    """One text to generate for a prompt: its prefix, its limit in ids, and the task under which drafts are ranked."""

    prompt: Prompt
    prefix: Prefix
    start_ids: tuple[int, ...]  # the part of the text that the prefix already holds
    max_tokens: int
    ranking_task: Task


class RudolphCaptioner:
    """A checkpoint of the family `rudolph`; it takes the images, not the dual encoder's features.

    With seed 0 the first draft is greedy. Drafts are ranked by all photos that they describe. Raises `CheckpointError`
    for a card with settings that the family does not have.
    """

    reads_attributes = True

    def __init__(self, model: Rudolph, vqgan: Vqgan, tokenizer: RudolphTokenizer, card: Card, device: Device) -> None:
        self.name = card.name
        self.max_photos = card.max_photos
        self.model = model.eval()
        self._vqgan, self._tokenizer, self._device = vqgan.eval(), tokenizer, device
        self._settings, self._generation = parse_settings(Settings, card), GenerationSettings.from_card(card)
        self._start_ids = tuple(tokenizer.encode(self._settings.template, "<RT_I2T>"))
        unfit = [f"generation.{name}" for name in _BEAMS if name in card.generation]
        unfit += ["settings.template"] if len(self._start_ids) >= model.config.right else []
        if unfit:
            raise card.field_error(unfit[0])
        weights = sum(weight.nbytes for weight in model.parameters())
        # Elements in use at a time: half of what the weights leave free.
        self._budget = max(0, device.free - weights) // (2 * device.itemsize)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> RudolphCaptioner:
        """Load a folder: `config.json`, `model.safetensors`, `vqgan.safetensors`, `tokenizer.json`."""
        config = json.loads((card.folder / "config.json").read_text("utf-8"))
        device = context.device
        with torch.device("meta"):
            model, vqgan = Rudolph(RudolphConfig(**config["model"])), Vqgan(VqganConfig(**config["vqgan"]))
        fill_model(model, load_file(card.folder / MODEL), assign=True)
        fill_model(vqgan, load_file(card.folder / IMAGES), assign=True)
        if card.adapters:
            merge_adapters(model.float(), card)  # in float16, as published, small deltas would be lost
        model.to(device.name, device.dtype)
        vocabulary = Tokenizer.from_file(str(card.folder / "tokenizer.json"))
        tokenizer = RudolphTokenizer(vocabulary, special=model.config.text_special > 0)
        # The encoder is small and stays in float32: a code is an argmax of thousands of close logits.
        return cls(model, vqgan.to(device.name, torch.float32), tokenizer, card, device)

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """Return one text per prompt: the best draft of each of its jobs, joined as sentences."""
        codes = iter(self._encode_images([image for prompt in prompts for image in prompt.images]))
        jobs = [self._plan_jobs(prompt, [next(codes) for _ in prompt.images]) for prompt in prompts]
        texts = iter(self._run_jobs([each for several in jobs for each in several]))
        return [" ".join(dict.fromkeys(format_sentence(next(texts)) for _ in several)).strip() for several in jobs]

    @torch.inference_mode()
    def _encode_images(self, images: Sequence[Image.Image]) -> list[Tensor]:
        """Return the codes (cells,) int64 of each image."""
        edge = self.model.config.side * self._vqgan.config.stride
        batch_size = max(1, self._budget // (8 * self._vqgan.config.width * edge**2))
        codes: list[Tensor] = []
        for start in range(0, len(images), batch_size):
            codes += self._vqgan(preprocess(images[start : start + batch_size], edge).to(self._device.name))
        return codes

    def _plan_jobs(self, prompt: Prompt, codes: Sequence[Tensor]) -> list[_Job]:
        """Return one job for all photos of one thing, one per photo of several things, or one without photos."""
        config, generation = self.model.config, self._generation.max_new_tokens
        template = self._settings.prompt
        if not codes:
            # Half of the left text is reserved for what is generated.
            start_ids = self._tokenizer.encode_prompt(
                prompt, template, "<LT_T2T>", config.left - min(generation, config.left // 2)
            )
            prefix = Prefix(torch.tensor(start_ids))
            return [_Job(prompt, prefix, tuple(start_ids), min(generation, config.left - len(start_ids)), "<LT_T2T>")]
        left = pad_ids(self._tokenizer.encode_prompt(prompt, template, "<LT_I2T>", config.left - 1), config.left)
        max_tokens = min(generation, config.right - len(self._start_ids))
        right = torch.tensor(self._start_ids)
        is_one_thing = prompt.token == "<SINGLE>"  # noqa: S105
        photos = [tuple(codes)] if is_one_thing else [(each,) for each in codes]
        return [_Job(prompt, Prefix(left, each, right), self._start_ids, max_tokens, "<LT_T2I>") for each in photos]

    def _run_jobs(self, jobs: Sequence[_Job]) -> list[str]:
        """Return the best text of each job; jobs of one length share batches that fit the memory."""
        texts: dict[int, str] = {}
        lengths = [(each.prefix.length, each.max_tokens) for each in jobs]
        for shape in dict.fromkeys(lengths):
            numbers = [number for number, length in enumerate(lengths) if length == shape]
            for part in self._split_batches(numbers, jobs):
                for number, drafts in zip(part, self._generate_drafts([jobs[each] for each in part]), strict=True):
                    texts[number] = self._pick_best(jobs[number], drafts)
        return [texts[number] for number in range(len(jobs))]

    def _split_batches(self, numbers: Sequence[int], jobs: Sequence[_Job]) -> Iterator[list[int]]:
        first = jobs[numbers[0]]
        row = count_row_elements(self.model.config, first.prefix.length, self._settings.drafts, first.max_tokens)
        part: list[int] = []
        for number in numbers:
            if part and row * sum(jobs[each].prefix.rows for each in (*part, number)) > self._budget:
                yield part
                part = []
            part.append(number)
        yield part

    def _generate_drafts(self, jobs: Sequence[_Job]) -> list[list[list[int]]]:
        """Return the ids of each draft of each job; all jobs have one length."""
        generation, drafts = self._generation, self._settings.drafts
        uniforms = torch.stack([_draw_uniforms(each.prompt.seed, drafts, generation.max_new_tokens) for each in jobs])
        sampling = Sampling(generation.top_k, self._settings.top_p, generation.temperature, generation.min_new_tokens)
        spellings = [self._tokenizer.encode_mask_tokens(each.prompt.mask_tokens) for each in jobs]
        logits_processor = build_processors(
            generation, self._tokenizer.digits, [each.prompt for each in jobs], spellings
        )
        prefixes = [each.prefix for each in jobs]
        return generate_drafts(self.model, prefixes, uniforms[:, :, : jobs[0].max_tokens], sampling, logits_processor)

    def _pick_best(self, job: _Job, drafts: Sequence[list[int]]) -> str:
        """Return the text of the draft that fits its photos best."""
        texts = [self._tokenizer.decode([*job.start_ids, *draft]) for draft in drafts]
        # Equal texts are ranked once; in reverse, so that the first draft of each is kept.
        drawn = dict(zip(reversed(texts), reversed(drafts), strict=True))
        counts = torch.tensor([texts.count(text) for text in drawn])
        left = self.model.config.left
        rows = torch.stack([pad_ids(self._tokenizer.encode(text, job.ranking_task), left) for text in drawn])
        batch_size = max(1, self._budget // (2 * count_row_elements(self.model.config, job.prefix.length, 0, 0)))
        number = pick_best(self.model, rows, job.prefix.images, counts, batch_size)
        text = self._tokenizer.decode(list(drawn.values())[number])
        text = self._tokenizer.restore_mask_tokens(text, job.prompt.mask_tokens)
        # The template before the text is left out, so punctuation that follows it would begin the sentence.
        return self._generation.cut_at_stop(text.lstrip(" ,.:;–—-"))


def _draw_uniforms(seed: int, drafts: int, max_tokens: int) -> Tensor:
    """Draw the uniform numbers of one prompt, (drafts, max_tokens) in [0, 1), from its own seed."""
    uniforms = torch.rand(drafts, max_tokens, generator=torch.Generator().manual_seed(seed))
    if seed == 0:
        uniforms[0] = 0.0
    return uniforms
