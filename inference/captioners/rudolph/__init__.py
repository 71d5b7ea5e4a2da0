"""ruDOLPH (Shonenkov et al., 2022): photos as codes in one transformer with the texts around them."""

from inference.captioners.rudolph.captioner import RudolphCaptioner

__all__ = ["RudolphCaptioner"]
