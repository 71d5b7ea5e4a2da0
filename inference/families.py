"""Which code loads which family of captioners. A table alone: whoever only asks for a name does not wait for torch."""

from __future__ import annotations

from collections.abc import Mapping

# Family → "module:class"; a module is imported when the first of its checkpoints is loaded.
FAMILIES: Mapping[str, str] = {
    "blip2": "inference.captioners.blip2:Blip2Captioner",
    "flamingo": "inference.captioners.flamingo:FlamingoCaptioner",
    "interrogator": "inference.captioners.interrogator:Interrogator",
    "clipcap": "inference.captioners.clipcap:ClipCapCaptioner",
    "prefix": "inference.captioners.prefix:PrefixCaptioner",
    "rudolph": "inference.captioners.rudolph:RudolphCaptioner",
    "encoder-decoder": "inference.captioners.encoder_decoder:EncoderDecoderCaptioner",
    "chat-vlm": "inference.captioners.chat:ChatCaptioner",
    "soft-prompt": "inference.captioners.soft_prompt:SoftPromptCaptioner",
}
