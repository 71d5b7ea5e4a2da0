"""The captioner of the family `rudolph`: photos as codes, fields as the left text, the description as the right one.

One thing in several photos: its text is written by all of them together. Different things: each photo has its text.
Without photos the left text goes on, which is how the original writes texts without an image.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.generation.writer import Generation, limits
from inference.captioners.rudolph.decoding import Prefix, Sampling, count_row_elements, generate_drafts
from inference.captioners.rudolph.model import Rudolph, RudolphConfig
from inference.captioners.rudolph.ranking import pick_best
from inference.captioners.rudolph.tokenizer import RudolphTokenizer, Task, format_sentence, pad_ids
from inference.captioners.rudolph.vqgan import Vqgan, VqganConfig, preprocess
from inference.captioners.settings import Valid, read_settings
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.registry import Card
from inference.devices import Device

MODEL, IMAGES = "model.safetensors", "vqgan.safetensors"
_VALID: Final[Valid] = {"drafts": lambda drafts: 1 <= drafts <= 64, "top_p": lambda share: 0 < share <= 1}
_BEAMS: Final = ("num_beams", "length_penalty")  # this family samples


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    drafts: texts drawn for each text that is wanted; the original draws 48. template: how the right text begins; it is
    not part of the description. top_p: the share of chances that drafts are drawn from. prompt: what the left text says
    of the fields, see `wording.completion`.
    """

    drafts: int = 4
    template: str = "на картинке"
    top_p: float = 0.8
    prompt: str = "{attributes}"


@dataclass(frozen=True, slots=True)
class _Job:
    """One text that is wanted for a prompt: what it is written behind, in how many ids at most, how it is weighed."""

    prompt: Prompt
    reading: Prefix
    begun: tuple[int, ...]  # the ids of the text that is there already
    room: int
    weighed_as: Task


class RudolphCaptioner:
    """A loaded checkpoint of the family `rudolph`; it reads the images themselves.

    With seed 0 the first draft is the likeliest text, so that of one draft a text it is what is written. Drafts are
    weighed by all photos that they describe. Raises `CheckpointError` for a card that asks for what there is not.
    """

    def __init__(self, model: Rudolph, vqgan: Vqgan, speller: RudolphTokenizer, card: Card, device: Device) -> None:
        self.name = card.name
        self.max_photos = card.max_photos
        self.model = model.eval()
        self._vqgan, self._speller, self._device = vqgan.eval(), speller, device
        self._settings, self._generation = read_settings(Settings, card, _VALID), Generation.of(card)
        self._begun = tuple(speller.ids(self._settings.template, "<RT_I2T>"))
        unfit = [f"generation.{name}" for name in _BEAMS if name in card.generation]
        unfit += ["settings.template"] if len(self._begun) >= model.config.right else []
        if unfit:
            raise card.field_error(unfit[0])
        weights = sum(weight.nbytes for weight in model.parameters())
        # Numbers that may be in use at a time: half of what the weights leave free.
        self._budget = max(0, device.free - weights) // (2 * device.itemsize)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> RudolphCaptioner:
        """The captioner of a folder: `config.json`, `model.safetensors`, `vqgan.safetensors`, `tokenizer.json`."""
        config = json.loads((card.folder / "config.json").read_text("utf-8"))
        device = context.device
        with torch.device("meta"):
            model, vqgan = Rudolph(RudolphConfig(**config["model"])), Vqgan(VqganConfig(**config["vqgan"]))
        model.load_state_dict(load_file(card.folder / MODEL), assign=True)
        vqgan.load_state_dict(load_file(card.folder / IMAGES), assign=True)
        if card.adapters:
            merge_adapters(model.float(), card)  # published weights are halves, too narrow to add small numbers to
        model.to(device.name, device.dtype)
        tokenizer = Tokenizer.from_file(str(card.folder / "tokenizer.json"))
        speller = RudolphTokenizer(tokenizer, special=model.config.text_special > 0)
        # The encoder is small, and a code is the largest of thousands of scores: it stays in float32.
        return cls(model, vqgan.to(device.name, torch.float32), speller, card, device)

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt: of each text that is wanted the best of several, joined as sentences."""
        codes = iter(self._look([image for prompt in prompts for image in prompt.images]))
        wanted = [self._wanted(prompt, [next(codes) for _ in prompt.images]) for prompt in prompts]
        texts = iter(self._write([each for several in wanted for each in several]))
        return [" ".join(dict.fromkeys(format_sentence(next(texts)) for _ in several)).strip() for several in wanted]

    @torch.inference_mode()
    def _look(self, images: Sequence[Image.Image]) -> list[Tensor]:
        """The codes of each image, (cells,) ids."""
        edge = self.model.config.side * self._vqgan.config.stride
        at_once = max(1, self._budget // (8 * self._vqgan.config.width * edge**2))
        codes: list[Tensor] = []
        for start in range(0, len(images), at_once):
            codes += self._vqgan(preprocess(images[start : start + at_once], edge).to(self._device.name))
        return codes

    def _wanted(self, prompt: Prompt, codes: Sequence[Tensor]) -> list[_Job]:
        """One text for all photos of one thing, one for each photo of several things, one without photos."""
        config, asked = self.model.config, self._generation.max_new_tokens
        template = self._settings.prompt
        if not codes:
            # Half of the left text is for what will be written.
            begun = self._speller.told(prompt, template, "<LT_T2T>", config.left - min(asked, config.left // 2))
            reading = Prefix(torch.tensor(begun))
            return [_Job(prompt, reading, tuple(begun), min(asked, config.left - len(begun)), "<LT_T2T>")]
        left = pad_ids(self._speller.told(prompt, template, "<LT_I2T>", config.left - 1), config.left)
        room = min(asked, config.right - len(self._begun))
        right = torch.tensor(self._begun)
        is_one_thing = prompt.token == "<SINGLE>"  # noqa: S105
        photos = [tuple(codes)] if is_one_thing else [(each,) for each in codes]
        return [_Job(prompt, Prefix(left, each, right), self._begun, room, "<LT_T2I>") for each in photos]

    def _write(self, wanted: Sequence[_Job]) -> list[str]:
        """The best text of each; those of one length are written together, as many as the memory has room for."""
        texts: dict[int, str] = {}
        lengths = [(each.reading.length, each.room) for each in wanted]
        for shape in dict.fromkeys(lengths):
            numbers = [number for number, length in enumerate(lengths) if length == shape]
            for part in self._parts(numbers, wanted):
                for number, drafts in zip(part, self._draft([wanted[each] for each in part]), strict=True):
                    texts[number] = self._best(wanted[number], drafts)
        return [texts[number] for number in range(len(wanted))]

    def _parts(self, numbers: Sequence[int], wanted: Sequence[_Job]) -> Iterator[list[int]]:
        first = wanted[numbers[0]]
        row = count_row_elements(self.model.config, first.reading.length, self._settings.drafts, first.room)
        part: list[int] = []
        for number in numbers:
            if part and row * sum(wanted[each].reading.rows for each in (*part, number)) > self._budget:
                yield part
                part = []
            part.append(number)
        yield part

    def _draft(self, wanted: Sequence[_Job]) -> list[list[list[int]]]:
        """The ids of every draft of every text, all of one length."""
        asked, drafts = self._generation, self._settings.drafts
        chances = torch.stack([_draw_uniforms(each.prompt.seed, drafts, asked.max_new_tokens) for each in wanted])
        sampling = Sampling(asked.top_k, self._settings.top_p, asked.temperature, asked.min_new_tokens)
        spellings = [self._speller.spelling(each.prompt.mask_tokens) for each in wanted]
        held = limits(asked, self._speller.digits, [each.prompt for each in wanted], spellings)
        readings = [each.reading for each in wanted]
        return generate_drafts(self.model, readings, chances[:, :, : wanted[0].room], sampling, held)

    def _best(self, wanted: _Job, drafts: Sequence[list[int]]) -> str:
        """The draft that fits its photos best, without what it began with."""
        texts = [self._speller.text([*wanted.begun, *draft]) for draft in drafts]
        drawn = dict(zip(reversed(texts), reversed(drafts), strict=True))
        counts = torch.tensor([texts.count(text) for text in drawn])
        left = self.model.config.left
        rows = torch.stack([pad_ids(self._speller.ids(text, wanted.weighed_as), left) for text in drawn])
        at_once = max(1, self._budget // (2 * count_row_elements(self.model.config, wanted.reading.length, 0, 0)))
        number = pick_best(self.model, rows, wanted.reading.images, counts, at_once)
        return self._told(list(drawn.values())[number], wanted.prompt)

    def _told(self, ids: Sequence[int], prompt: Prompt) -> str:
        stop = self._generation.stop
        text = self._speller.unmasked(self._speller.text(ids), prompt.mask_tokens).lstrip(" ,.:;–—-")
        head, found, _ = text.partition(stop) if stop else (text, "", "")
        return head + found


def _draw_uniforms(seed: int, drafts: int, room: int) -> Tensor:
    """Uniform draws of one prompt, (drafts, room): its own, whatever else is in the batch."""
    chances = torch.rand(drafts, room, generator=torch.Generator().manual_seed(seed))
    if seed == 0:
        chances[0] = 0.0
    return chances
