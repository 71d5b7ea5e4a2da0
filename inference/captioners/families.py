"""Which code loads which family of captioners. A table alone: whoever only asks for a name does not wait for torch."""

from __future__ import annotations

from collections.abc import Mapping

# Family → "module:class"; a module is imported when the first of its checkpoints is loaded.
FAMILIES: Mapping[str, str] = {
    "blip2": "inference.captioners.blip2.captioner:Blip2Captioner",
    "flamingo": "inference.captioners.flamingo.captioner:FlamingoCaptioner",
    "interrogator": "inference.captioners.interrogator.captioner:Interrogator",
    "clipcap": "inference.captioners.clipcap.captioner:ClipCapCaptioner",
    "prefix": "inference.captioners.prefix.captioner:PrefixCaptioner",
    "rudolph": "inference.captioners.rudolph:RudolphCaptioner",
    "encoder-decoder": "inference.captioners.encoder_decoder.captioner:EncoderDecoderCaptioner",
    "chat-vlm": "inference.captioners.chat.captioner:ChatCaptioner",
    "soft-prompt": "inference.captioners.soft_prompt.captioner:SoftPromptCaptioner",
}
